# From the boot loader to Rust: long mode, SSE, a stack.

# The note by which QEMU knows where to begin (the PVH protocol: owner "Xen", type 18, the address
# of a 32-bit entry).
.section .note.pvh, "a", @note
    .balign 4
    .long 4
    .long 4
    .long 18
    .asciz "Xen"
    .long pvh_start

.section .text.boot, "ax", @progbits
.code32
.globl pvh_start
pvh_start: # ebx: the start information
    cld
    mov esp, offset boot_stack_top
    mov esi, ebx

    # 4 GiB, each address standing for itself, in pages of 2 MiB.
    mov eax, offset page_directories + 3
    mov edi, offset page_pointers
    mov ecx, 4
1:  mov [edi], eax
    add edi, 8
    add eax, 4096
    dec ecx
    jnz 1b
    mov eax, offset page_pointers + 3
    mov [page_root], eax

    mov eax, 0x83
    mov edi, offset page_directories
    mov ecx, 4 * 512
2:  cmp ecx, 512
    jne 3f
    or eax, 0x18 # the last GiB is devices': not cached
3:  mov [edi], eax
    add edi, 8
    add eax, 0x200000
    dec ecx
    jnz 2b

    mov edi, esi
    mov eax, cr4
    or eax, 0x620 # PAE, SSE and its exceptions
    mov cr4, eax
    mov eax, offset page_root
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100 # long mode
    wrmsr
    mov eax, cr0
    and eax, 0xfffffffb # no emulation of the FPU
    or eax, 0x80000003 # paging, FPU, protection
    mov cr0, eax
    lgdt [boot_table_pointer]
    push 8
    mov eax, offset long_mode
    push eax
    retf

.code64
long_mode: # edi: the start information
    mov edi, edi
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov eax, 16
    mov ss, eax
    mov esp, offset boot_stack_top
    xor ebp, ebp
    call first_cpu
    ud2

# Another CPU's first instructions, in real mode. They are copied to where `trampoline_at` says, an
# address that such a CPU can reach.
.set trampoline_at, 0x8000
.section .rodata
.globl trampoline
.globl trampoline_end
trampoline:
.code16
    cli
    xor ax, ax
    mov ds, ax
    mov eax, cr4
    or eax, 0x620
    mov cr4, eax
    mov eax, offset page_root
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100
    wrmsr
    lgdt [table_pointer_at]
    mov eax, cr0
    and eax, 0x9ffffffb # with caches
    or eax, 0x80000003
    mov cr0, eax
    # A far jump to other_cpu, which no assembler writes the same way.
    .byte 0x66, 0xea
    .long other_cpu
    .word 8
trampoline_table_pointer:
    .word 23
    .long boot_table
trampoline_end:
.set table_pointer_at, trampoline_at + trampoline_table_pointer - trampoline

.section .text.boot
.code64
other_cpu:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov eax, 16
    mov ss, eax
    # All start at once: each takes a number, and the stack that belongs to it.
    mov eax, 1
    lock xadd [next_cpu], eax
    cmp eax, {most_cpus}
    jae 1f
    mov edi, eax
    imul eax, eax, {stack_size}
    lea rsp, [rax + other_stacks]
    xor ebp, ebp
    call another_cpu
    ud2
1:  cli
    hlt
    jmp 1b

.section .rodata
    .balign 8
boot_table:
    .quad 0
    .quad 0x00af9b000000ffff # code, 64-bit
    .quad 0x00cf93000000ffff # data
boot_table_pointer:
    .word 23
    .long boot_table

.section .data
    .balign 4
next_cpu:
    .long 1

.section .bss, "aw", @nobits
    .balign 4096
page_root:
    .skip 4096
page_pointers:
    .skip 4096
page_directories:
    .skip 4 * 4096
boot_stack:
    .skip {stack_size}
boot_stack_top:
other_stacks:
    .skip ({most_cpus} - 1) * {stack_size}
