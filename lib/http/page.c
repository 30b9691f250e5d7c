// The page, as it lies beside this file: the assembler takes it in, so that it stays an HTML file that a browser can open.
#include "http/http_int.h"

__asm__(".pushsection .rodata\n"
        ".hidden http_page_begin\n.globl http_page_begin\nhttp_page_begin:\n"
        ".incbin \"lib/http/page.html\"\n"
        ".hidden http_page_end\n.globl http_page_end\nhttp_page_end:\n"
        ".popsection\n");
extern const char http_page_begin[] __attribute__((visibility("hidden"))), http_page_end[] __attribute__((visibility("hidden")));

struct slice http_page(void) { return slice_of(http_page_begin, (size_t)(http_page_end - http_page_begin)); }
