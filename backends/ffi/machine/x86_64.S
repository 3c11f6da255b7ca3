# The runner, x86-64. Executes a program: a header, then ops of 64 bytes each (see ../program/layout.ts).
#
# It keeps its state in two registers and touches no stack while it runs, so that the child of a clone with
# CLONE_VM may share the stack of its parent, be that suspended or not.
#
#   rbx  the program's header        0 address of the first op     8 status record: kind, op, errno, pid
#                                   32 the carrier's own envp       40 six arguments, resolved
#   rbp  the current op              0 u16 system call number, or 0x8000: the end
#                                    2 u8 bit i: argument i is the address of its value; bit 7: errors are expected;
#                                      bit 6: after the result 0 go on with the program in the sixth argument
#                                    3 u8 bit i: that value has 64 bits, not 32
#                                    4 u16 op to go on with after an error      6 u16 and after the result 0
#                                    8 i64 result                              16 six i64 arguments

        .equ    PROGRAM_BASE, 0x10000400

        .text
        .globl  ns_run, ns_start

ns_run:                                 # void ns_run(header *rdi): called from Node.js
        push    %rbx
        push    %rbp
        mov     %rdi, %rbx
        jmp     first
ns_start:                               # the entry point of the carrier
        mov     $PROGRAM_BASE, %ebx
        lea     24(%rsp), %rax          # behind argc, one argument and NULL
        mov     %rax, 32(%rbx)
first:  mov     (%rbx), %rbp

op:     movzwl  2(%rbp), %edx
        xor     %ecx, %ecx
argument:
        mov     16(%rbp,%rcx,8), %rax
        bt      %ecx, %edx
        jnc     resolved
        lea     8(%rcx), %esi
        bt      %esi, %edx
        jc      wide
        movslq  (%rax), %rax
        jmp     resolved
wide:   mov     (%rax), %rax
resolved:
        mov     %rax, 40(%rbx,%rcx,8)
        inc     %ecx
        cmp     $6, %ecx
        jne     argument

        mov     40(%rbx), %rdi
        mov     48(%rbx), %rsi
        mov     56(%rbx), %rdx
        mov     64(%rbx), %r10
        mov     72(%rbx), %r8
        mov     80(%rbx), %r9
        movzwl  (%rbp), %eax
        btr     $15, %eax
        jc      end
        syscall

        test    %rax, %rax
        jnz     result
        testb   $0x40, 2(%rbp)
        jz      result
        mov     %r9, %rbx               # a child, which leaves this program to its parent as it stands
        jmp     first
result: mov     %rax, 8(%rbp)
        cmp     $-4095, %rax
        jae     error
        test    %rax, %rax
        jz      zero
        add     $64, %rbp
        jmp     op

zero:   movzwl  6(%rbp), %eax
        jmp     goto
error:  testb   $0x80, 2(%rbp)
        jnz     expected
        neg     %rax
        mov     %rax, 16(%rbx)
        mov     %rbp, %rcx
        sub     (%rbx), %rcx
        shr     $6, %rcx
        mov     %ecx, 12(%rbx)
expected:
        movzwl  4(%rbp), %eax
goto:   shl     $6, %eax
        add     (%rbx), %rax
        mov     %rax, %rbp
        jmp     op

end:    pop     %rbp                    # the pseudo-op: back to Node.js
        pop     %rbx
        ret
