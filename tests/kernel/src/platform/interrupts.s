# One short entry a vector, 16 bytes each, then what all have in common.

.section .text.interrupts, "ax", @progbits
.globl interrupt_entries
    .balign 16
interrupt_entries:
.set vector, 0
.rept 256
    .balign 16
    # These push an error code themselves; the others push a 0 in its place.
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push 0
    .endif
    .byte 0x68
    .long vector
    jmp interrupt_common
    .set vector, vector + 1
.endr

interrupt_common:
    # What a Rust function may change. The CPU has aligned the stack, and with these it still is.
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    cld
    sub rsp, 512
    fxsave64 [rsp]
    lea rdi, [rsp + 512]
    call interrupt
    fxrstor64 [rsp]
    add rsp, 512
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq
