// The runner, aarch64. What it does, and the layout of header and op, stand in x86_64.S.
//
//   x19  the program's header       x20  the current op

        .equ    PROGRAM_BASE, 0x10000400

        .text
        .globl  ns_run, ns_start

ns_run:                                 // void ns_run(header *x0): called from Node.js
        stp     x19, x20, [sp, #-16]!
        mov     x19, x0
        b       first
ns_start:                               // the entry point of the carrier
        movz    x19, #(PROGRAM_BASE >> 16), lsl #16
        movk    x19, #(PROGRAM_BASE & 0xffff)
        add     x9, sp, #24             // behind argc, one argument and NULL
        str     x9, [x19, #32]
first:  ldr     x20, [x19]

op:     ldrh    w9, [x20, #2]
        mov     x10, #0
        add     x11, x20, #16
        add     x12, x19, #40
argument:
        ldr     x13, [x11, x10, lsl #3]
        lsr     w14, w9, w10
        tbz     w14, #0, resolved
        tbnz    w14, #8, wide
        ldrsw   x13, [x13]
        b       resolved
wide:   ldr     x13, [x13]
resolved:
        str     x13, [x12, x10, lsl #3]
        add     x10, x10, #1
        cmp     x10, #6
        b.ne    argument

        ldp     x0, x1, [x12]
        ldp     x2, x3, [x12, #16]
        ldp     x4, x5, [x12, #32]
        ldrh    w8, [x20]
        tbnz    w8, #15, end
        svc     #0

        cbnz    x0, result
        ldrb    w9, [x20, #2]
        tbz     w9, #6, result
        mov     x19, x5                 // a child, which leaves this program to its parent as it stands
        b       first
result: str     x0, [x20, #8]
        cmn     x0, #4095
        b.hs    error
        cbz     x0, zero
        add     x20, x20, #64
        b       op

zero:   ldrh    w9, [x20, #6]
        b       goto
error:  ldrb    w9, [x20, #2]
        tbnz    w9, #7, expected
        neg     x0, x0
        str     x0, [x19, #16]
        ldr     x9, [x19]
        sub     x9, x20, x9
        lsr     x9, x9, #6
        str     w9, [x19, #12]
expected:
        ldrh    w9, [x20, #4]
goto:   ldr     x10, [x19]
        add     x20, x10, x9, lsl #6
        b       op

end:    ldp     x19, x20, [sp], #16     // the pseudo-op: back to Node.js
        ret
