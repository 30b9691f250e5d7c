// test_tree.c with nodes of four and five entries: the tree is compiled in here, in place of the library's.
#define TREE_LEAF 5
#define TREE_INNER 4

#include "ds/tree.c"

#include "test_tree.c"
