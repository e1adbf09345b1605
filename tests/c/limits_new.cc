// operator new at a limit: the program's function comes first, then the new-handler.
#include "limits.h"
#include <new>

static int handler_calls = 0;

static void handler() {
    CHECK(calls > 0);
    handler_calls++;
    std::set_new_handler(nullptr);
}

template <typename Allocate> static void served(Allocate allocate) {
    keep_a_reserve();
    std::set_new_handler(handler);
    handler_calls = 0;
    void *block = allocate();
    check_the_reserve_served(block, 16 * MIB);
    CHECK(handler_calls == 0);
    free(block);
}

static void the_reserve_serves_each_operator() {
    std::align_val_t at{128};
    served([] { return operator new(16 * MIB); });
    served([] { return operator new[](16 * MIB); });
    served([] { return operator new(16 * MIB, std::nothrow); });
    served([&] { return operator new(16 * MIB, at); });
    served([&] { return operator new(16 * MIB, at, std::nothrow); });
}

static void the_new_handler_comes_after_the_function() {
    hakmem_on_refusal(refuse, nullptr);
    leave(4 * MIB);
    for (int aligned = 0; aligned < 2; aligned++) {
        calls = handler_calls = 0;
        std::set_new_handler(handler);
        bool thrown = false;
        try {
            aligned ? operator new(16 * MIB, std::align_val_t{128}) : operator new(16 * MIB);
        } catch (const std::bad_alloc &) {
            thrown = true;
        }
        CHECK(thrown && handler_calls == 1);
        // Once before the handler, and once before the exception.
        CHECK(calls == 2);
    }
}

#define CASE(name) {#name, name}
CASES(CASE(the_reserve_serves_each_operator), CASE(the_new_handler_comes_after_the_function))
