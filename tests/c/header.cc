// The same as C++.
#include "header.c"
