// CONFIG: parameters by name, and the way back to the configuration file.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "cmd/settings.h"
#include "kora.h"

// ---- GET -------------------------------------------------------------------------------------------------------------------

// Under what name a parameter is asked for: its own, or, without a pattern, as the client wrote it. NULL bytes: it is not.
static struct slice asked_for(struct call *c, int setting) {
    struct slice name = slice_str(settings_name(setting));
    for (int i = 2; i < c->argc; i++) {
        if (slice_is_word(c->argv[i], name.p)) return c->argv[i];
        if (glob_match(c->argv[i], name, true)) return name;
    }
    return slice_of(NULL, 0);
}

void cmd_config_get(struct call *c) {
    struct buf value = { 0 };
    size_t count = 0;
    for (int i = 0; i < settings_count(); i++) count += asked_for(c, i).p != NULL;
    reply_map(c, count);
    for (int i = 0; i < settings_count(); i++) {
        struct slice name = asked_for(c, i);
        if (!name.p) continue;
        buf_clear(&value);
        settings_format(c->host, i, &value);
        if (value.failed) c->reply.buf->failed = true;
        reply_bulk(c, name);
        reply_bulk(c, slice_of(value.p, value.n));
    }
    buf_free(&value);
}

// ---- SET -------------------------------------------------------------------------------------------------------------------

static void refuse_set(struct call *c, struct slice name, const char *why) {
    reply_error(c, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s", (int)MIN(name.n, (size_t)128), name.p, why);
}

// As Redis: all names are looked at before any value, and an error tells those as they were given, but that of a bad value in its own form.
static bool check_names(struct call *c, int count) {
    bool seen[SETTINGS_COUNT_MAX] = { false };
    for (int i = 0; i < count; i++) {
        struct slice name = c->argv[2 + 2 * i];
        int setting = settings_find(name);
        if (setting < 0) {
            reply_error(c, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'", (int)MIN(name.n, (size_t)128), name.p);
            return false;
        }
        if (settings_immutable(setting)) {
            refuse_set(c, name, "can't set immutable config");
            return false;
        }
        if (seen[setting]) {
            refuse_set(c, name, "duplicate parameter");
            return false;
        }
        seen[setting] = true;
    }
    return true;
}

// Checks all pairs; `*checked` of them are good. False: the error is written.
static bool check_all(struct call *c, struct setting_value *values, int count, int *checked) {
    if (!check_names(c, count)) return false;
    for (; *checked < count; ++*checked) {
        int setting = settings_find(c->argv[2 + 2 * *checked]);
        char why[SETTINGS_ERROR_MAX] = "";
        int status = settings_check(c->host, setting, c->argv[3 + 2 * *checked], SETTINGS_BY_CLIENT, &values[*checked], why, sizeof why);
        if (status != KORA_OK) {
            refuse_set(c, slice_str(settings_name(setting)), why);
            return false;
        }
    }
    return true;
}

void cmd_config_set(struct call *c) {
    int count = (c->argc - 2) / 2, checked = 0;
    if (c->argc % 2) {
        reply_syntax_error(c);
        return;
    }
    struct setting_value *values = mem_alloc((size_t)count * sizeof *values);
    if (!values) {
        reply_no_memory(c);
        return;
    }
    bool ok = check_all(c, values, count, &checked);
    for (int i = 0; i < checked; i++) {
        if (ok) settings_put(c->host, &values[i]);
        else settings_drop(&values[i]);
    }
    mem_free(values);
    if (!ok) return;
    settings_changed(c->host);
    reply_ok(c);
}

void cmd_config_resetstat(struct call *c) {
    host_reset_stats(c->host);
    reply_ok(c);
}

void cmd_config_help(struct call *c) { reply_help(c); }

// ---- REWRITE ---------------------------------------------------------------------------------------------------------------
//
// The file is `key = value` lines and comments. A line whose parameter has another value now gets the new one; parameters that are not in
// the file and are not as they were at the start are added at its end; everything else stays as it is.

static bool read_file(const char *path, struct buf *out, mode_t *mode) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    struct stat st;
    *mode = fstat(fd, &st) == 0 ? st.st_mode & 0777 : 0644;
    ssize_t n = 1;
    while (n > 0) {
        char *to = buf_reserve(out, 4096);
        n = to ? read(fd, to, 4096) : -1;
        if (n > 0) out->n += (size_t)n;
    }
    int error = out->failed ? ENOMEM : errno;
    close(fd);
    errno = error;
    return n == 0;
}

// All of it or nothing: a reader, and a machine that loses its power, see the old file or the new one.
static bool replace_file(const char *path, const struct buf *text, mode_t mode) {
    char temp[4096];
    if (snprintf(temp, sizeof temp, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof temp) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return false;
    size_t done = 0;
    ssize_t n = 0;
    while (done < text->n && (n = write(fd, text->p + done, text->n - done)) >= 0) done += (size_t)n;
    bool ok = n >= 0 && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && rename(temp, path) == 0) return true;
    if (ok) error = errno;
    unlink(temp);
    errno = error;
    return false;
}

static struct slice trim(struct slice s) {
    while (s.n && (*s.p == ' ' || *s.p == '\t')) s.p++, s.n--;
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1])) s.n--;
    return s;
}

// The parameter that a line sets, or -1; where its value begins.
static int line_setting(struct slice line, struct slice *value) {
    struct slice text = trim(line);
    const char *equals = text.n && *text.p != '#' && *text.p != ';' ? memchr(text.p, '=', text.n) : NULL;
    if (!equals) return -1;
    *value = trim(slice_of(equals + 1, (size_t)(text.p + text.n - equals - 1)));
    return settings_find(trim(slice_of(text.p, (size_t)(equals - text.p))));
}

// Values that the file's syntax can't hold: line breaks, blanks at the ends, what begins a comment.
static bool can_be_written(struct slice v) {
    if (trim(v).n != v.n) return false;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\n' || v.p[i] == '\r' || (v.p[i] == ';' && (i == 0 || v.p[i - 1] == ' ' || v.p[i - 1] == '\t'))) return false;
    }
    return true;
}

static void write_setting(int setting, const struct buf *value, struct buf *out) {
    buf_printf(out, "%s = ", settings_name(setting));
    buf_append(out, value->p, value->n);
    buf_append_char(out, '\n');
}

// What is to be said of a setting: its value, and whether that is the one it started with.
static bool current(struct host *h, int setting, struct buf *value, bool *is_default) {
    struct buf initial = { 0 };
    buf_clear(value);
    settings_format(h, setting, value);
    settings_format_default(setting, &initial);
    *is_default = !initial.failed && slice_equal(slice_of(initial.p, initial.n), slice_of(value->p, value->n));
    buf_free(&initial);
    return can_be_written(slice_of(value->p, value->n));
}

// The new text of the file. NULL: fine; else the name of the setting that can't be written.
static const char *compose(struct host *h, const struct buf *old, struct buf *out) {
    bool seen[SETTINGS_COUNT_MAX] = { false }, is_default;
    struct buf value = { 0 };
    const char *wrong = NULL;
    for (size_t at = 0; at < old->n && !wrong;) {
        const char *end = memchr(old->p + at, '\n', old->n - at);
        size_t n = end ? (size_t)(end - old->p) + 1 - at : old->n - at;
        struct slice line = slice_of(old->p + at, n), was;
        int setting = line_setting(line, &was);
        at += n;
        if (setting < 0 || !settings_in_file(setting)) {
            buf_append_slice(out, line);
            continue;
        }
        if (seen[setting]) continue; // the last line would win over what is written here
        seen[setting] = true;
        if (!current(h, setting, &value, &is_default)) wrong = settings_name(setting);
        else if (slice_equal(was, slice_of(value.p, value.n))) buf_append_slice(out, line);
        else write_setting(setting, &value, out);
    }
    if (out->n && out->p[out->n - 1] != '\n') buf_append_char(out, '\n');
    for (int i = 0; i < settings_count() && !wrong; i++) {
        if (seen[i] || !settings_in_file(i)) continue;
        bool writable = current(h, i, &value, &is_default);
        if (is_default) continue;
        if (!writable) wrong = settings_name(i);
        else write_setting(i, &value, out);
    }
    if (value.failed) out->failed = true;
    buf_free(&value);
    return wrong;
}

// Waits for the disk on the thread that it runs on: an administrator's command, not a client's.
void cmd_config_rewrite(struct call *c) {
    struct buf path = { 0 }, old = { 0 }, new = { 0 };
    mode_t mode;
    int status = settings_get(c->host, SLICE("configfile"), &path);
    buf_append_char(&path, '\0');
    if (status != KORA_OK || path.failed) {
        reply_no_memory(c);
    } else if (!*path.p) {
        reply_error(c, "ERR The server is running without a config file");
    } else if (!read_file(path.p, &old, &mode)) {
        reply_error(c, "ERR Rewriting config file: %s", strerror(errno));
    } else {
        const char *wrong = compose(c->host, &old, &new);
        if (wrong) reply_error(c, "ERR Rewriting config file: the value of '%s' can't be written to it", wrong);
        else if (new.failed) reply_no_memory(c);
        else if (!replace_file(path.p, &new, mode)) reply_error(c, "ERR Rewriting config file: %s", strerror(errno));
        else reply_ok(c);
    }
    buf_free(&path);
    buf_free(&old);
    buf_free(&new);
}
