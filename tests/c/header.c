// hakmem.h stands alone, in the oldest C and C++ that it promises.
#include <hakmem.h>

static int refuse(const struct hakmem_refusal *refusal, void *argument) {
    return refusal->size == 0 && argument ? HAKMEM_TRY_AGAIN : HAKMEM_REFUSE;
}

int main(void) {
    hakmem_refusal_function function = refuse;
    hakmem_on_refusal(function, &function);
    hakmem_set_limit(0);
    hakmem_set_soft_limit(0);
    hakmem_on_refusal(0, 0);
    return hakmem_mapped() == 1;
}
