// Allocates a little and ends with the exit code that is asked for.
#include "check.h"

int main(int argc, char **argv) {
    void *block = malloc(1000);
    fill(block, 1000, 1);
    printf("hello %s\n", argc > 1 ? argv[1] : "");
    free(block);
    return argc > 2 ? atoi(argv[2]) : 0;
}
