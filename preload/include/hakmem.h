/* hakmem's own functions, beside malloc and its family: limits on the heap's memory, and
 * its return.
 *
 * They are in libhakmem.so: link the program with it (-lhakmem). Under LD_PRELOAD a program that was
 * not linked with it can look them up by dlsym(RTLD_DEFAULT, "hakmem_set_limit").
 *
 * All functions may be called from any thread at any time. C99 and C++.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the most bytes that the heap may hold from the system, its own tables included. 0 or SIZE_MAX:
 * no limit, as at the start without HAKMEM_LIMIT in the environment.
 *
 * An allocation that would pass the limit is refused (NULL and ENOMEM, std::bad_alloc), after the
 * heap gave back what is free, tried once more, and asked the program: see hakmem_on_refusal.
 *
 * A limit below hakmem_mapped() holds too: what is free is given back at once, and nothing more is
 * taken from the system until the program has freed enough. Live blocks stay.
 */
void hakmem_set_limit(size_t bytes);

/* Sets the bytes above which the heap gives back what is free before it takes more from the system.
 * Nothing is refused. 0 or SIZE_MAX: no such limit, as at the start without HAKMEM_SOFT_LIMIT.
 */
void hakmem_set_soft_limit(size_t bytes);

/* Bytes that the heap holds from the system now: in use, free but kept, and tables. */
size_t hakmem_mapped(void);

/* What hakmem_purge came to. Beside threads that are at work in the heap, the figures are about right. */
struct hakmem_purged {
    size_t bytes;   /* given back to the system */
    size_t refused; /* free in whole, but the system did not take them */
    size_t pinned;  /* free, but in pages in which live blocks are as well */
    size_t caches;  /* threads whose lists were not emptied, for they were at work in the heap */
    size_t cached;  /* bytes in these lists, about */
};

/* Gives all memory back that is free now, as malloc_trim(0) does, what lies in the lists of this thread
 * and of others included. `answer` tells what that came to; it may be NULL. Without it memory goes back
 * with time (HAKMEM_BACKGROUND, HAKMEM_DECAY), and at once where more is free than is in use.
 */
void hakmem_purge(struct hakmem_purged *answer);

/* An allocation that is about to be refused. */
struct hakmem_refusal {
    size_t size;   /* bytes asked for */
    size_t mapped; /* hakmem_mapped() */
    size_t limit;  /* the limit; SIZE_MAX: there is none, and the system refused */
};

/* What a hakmem_refusal_function answers. */
enum {
    HAKMEM_REFUSE = 0,
    HAKMEM_TRY_AGAIN = 1
};

typedef int (*hakmem_refusal_function)(const struct hakmem_refusal *refusal, void *argument);

/* Sets a function that is called before an allocation is refused, in place of the one before; NULL:
 * none. For a request that C++ has a new-handler for it is called before that.
 *
 * It runs on the thread that allocates, on several at once if need be, and gets the argument given
 * here. It may free memory. It may allocate: what is refused to it on its own thread is refused
 * without a call. After HAKMEM_TRY_AGAIN the allocation is tried once more; should that fail too the
 * function is called again, 16 times at most for one allocation. It must return: no longjmp, no
 * exception. Requests for more than PTRDIFF_MAX bytes are refused without a call.
 */
void hakmem_on_refusal(hakmem_refusal_function function, void *argument);

#ifdef __cplusplus
}
#endif

#endif
