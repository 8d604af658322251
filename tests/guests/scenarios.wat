  ;; The rules of a counter, and beside them everything a guest can do wrong, one command each. Numbers are the first digits of the payload.
  (core module $rules
    (import "libc" "memory" (memory 64))
    (import "libc" "heap" (global $heap (mut i32)))
    (import "libc" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "log" (func $log (param i32 i32 i32)))
;;@core-imports
    (global $entities (mut i32) (i32.const 0x10000))
    (global $free (mut i32) (i32.const 0))

    ;; The commands' names, each ended by a zero; their numbers are what handle branches on.
    (data (i32.const 0x100) "increment\00report\00nothing\00trap\00loop\00grow\00grow-by\00recurse\00bad-json\00bad-utf8\00empty-type\00many\00huge\00amplify\00bad-list\00bad-variant\00reject\00reject-text\00bad-payload\00bad-context\00bad-event\00bad-error\00bad-new-event\00log\00flood\00context\00import\00stray\00\00")
    (data (i32.const 0x400) "Incremented")
    (data (i32.const 0x410) "Reported")
    (data (i32.const 0x420) "{\22amount\22:")
    (data (i32.const 0x430) "\ff\fe")
    (data (i32.const 0x440) "TooMuch")
    (data (i32.const 0x450) "the amount is missing")
    (data (i32.const 0x470) "no such command")
    (data (i32.const 0x490) "Poison")
    (data (i32.const 0x4a0) "it is poison")
    (data (i32.const 0x4b0) "no JSON at all")
    (data (i32.const 0x4d0) "[\22")
    (data (i32.const 0x4d4) "\22,\22")
    (data (i32.const 0x4d8) "\22,")
    (data (i32.const 0x4dc) ",")
    (data (i32.const 0x4e0) "null]")
    (data (i32.const 0x4e8) "]")
    (data (i32.const 0x4f0) "counter/1")
    (data (i32.const 0x500) "Context")
    (data (i32.const 0x510) "Trap")
    (data (i32.const 0x600) "1")

    (func (export "reset") (param $answer i32) (global.set $heap (i32.const 0x200000)))

    (func $alloc (param $size i32) (result i32)
      (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (local.get $size)))

    (func $equal (param $a i32) (param $a-size i32) (param $b i32) (param $b-size i32) (result i32)
      (local $i i32)
      (if (i32.ne (local.get $a-size) (local.get $b-size)) (then (return (i32.const 0))))
      (block $done
        (loop $next
          (br_if $done (i32.eq (local.get $i) (local.get $a-size)))
          (if (i32.ne (i32.load8_u (i32.add (local.get $a) (local.get $i))) (i32.load8_u (i32.add (local.get $b) (local.get $i))))
            (then (return (i32.const 0))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
      (i32.const 1))

    ;; The number of the command, or 255.
    (func $number-of (param $name i32) (param $size i32) (result i32)
      (local $at i32) (local $end i32) (local $number i32)
      (local.set $at (i32.const 0x100))
      (loop $next
        (if (i32.eqz (i32.load8_u (local.get $at))) (then (return (i32.const 255))))
        (local.set $end (local.get $at))
        (loop $scan
          (local.set $end (i32.add (local.get $end) (i32.const 1)))
          (br_if $scan (i32.load8_u (local.get $end))))
        (if (call $equal (local.get $name) (local.get $size) (local.get $at) (i32.sub (local.get $end) (local.get $at)))
          (then (return (local.get $number))))
        (local.set $number (i32.add (local.get $number) (i32.const 1)))
        (local.set $at (i32.add (local.get $end) (i32.const 1)))
        (br $next))
      unreachable)

    ;; The first run of digits as a number; -1 when there is none.
    (func $parse (param $at i32) (param $size i32) (result i64)
      (local $end i32) (local $digit i32) (local $value i64)
      (local.set $value (i64.const -1))
      (local.set $end (i32.add (local.get $at) (local.get $size)))
      (block $done
        (loop $next
          (br_if $done (i32.eq (local.get $at) (local.get $end)))
          (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (if (i32.lt_u (local.get $digit) (i32.const 10))
            (then
              (if (i64.eq (local.get $value) (i64.const -1)) (then (local.set $value (i64.const 0))))
              (local.set $value (i64.add (i64.mul (local.get $value) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))
              (br $next)))
          (br_if $next (i64.eq (local.get $value) (i64.const -1)))))
      (local.get $value))

    ;; Writes `value` in decimal digits that end before $end; returns where they start.
    (func $print (param $value i64) (param $end i32) (result i32)
      (loop $next
        (local.set $end (i32.sub (local.get $end) (i32.const 1)))
        (i32.store8 (local.get $end) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $value) (i64.const 10)))))
        (local.set $value (i64.div_u (local.get $value) (i64.const 10)))
        (br_if $next (i64.ne (local.get $value) (i64.const 0))))
      (local.get $end))

    (func $append (param $to i32) (param $from i32) (param $size i32) (result i32)
      (memory.copy (local.get $to) (local.get $from) (local.get $size))
      (i32.add (local.get $to) (local.get $size)))

    (func $append-number (param $to i32) (param $value i64) (result i32)
      (local $start i32) (local $end i32)
      (local.set $end (i32.add (call $alloc (i32.const 32)) (i32.const 32)))
      (local.set $start (call $print (local.get $value) (local.get $end)))
      (call $append (local.get $to) (local.get $start) (i32.sub (local.get $end) (local.get $start))))

    ;; Answers.
    (func $ok (param $list i32) (param $size i32) (result i32)
      (local $answer i32)
      (local.set $answer (call $alloc (i32.const 24)))
      (i32.store8 (local.get $answer) (i32.const 0))
      (i32.store offset=4 (local.get $answer) (local.get $list))
      (i32.store offset=8 (local.get $answer) (local.get $size))
      (local.get $answer))
    (func $event (param $at i32) (param $type i32) (param $type-size i32) (param $data i32) (param $data-size i32)
      (i32.store (local.get $at) (local.get $type))
      (i32.store offset=4 (local.get $at) (local.get $type-size))
      (i32.store offset=8 (local.get $at) (local.get $data))
      (i32.store offset=12 (local.get $at) (local.get $data-size)))
    (func $one (param $type i32) (param $type-size i32) (param $data i32) (param $data-size i32) (result i32)
      (local $list i32)
      (local.set $list (call $alloc (i32.const 16)))
      (call $event (local.get $list) (local.get $type) (local.get $type-size) (local.get $data) (local.get $data-size))
      (call $ok (local.get $list) (i32.const 1)))
    (func $many (param $count i32) (param $type i32) (param $type-size i32) (param $data i32) (param $data-size i32) (result i32)
      (local $list i32) (local $i i32)
      (local.set $list (call $alloc (i32.mul (local.get $count) (i32.const 16))))
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
          (call $event (i32.add (local.get $list) (i32.mul (local.get $i) (i32.const 16)))
            (local.get $type) (local.get $type-size) (local.get $data) (local.get $data-size))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
      (call $ok (local.get $list) (local.get $count)))
    (func $error (param $case i32) (param $a i32) (param $a-size i32) (param $b i32) (param $b-size i32) (result i32)
      (local $answer i32)
      (local.set $answer (call $alloc (i32.const 24)))
      (i32.store8 (local.get $answer) (i32.const 1))
      (i32.store8 offset=4 (local.get $answer) (local.get $case))
      (i32.store offset=8 (local.get $answer) (local.get $a))
      (i32.store offset=12 (local.get $answer) (local.get $a-size))
      (i32.store offset=16 (local.get $answer) (local.get $b))
      (i32.store offset=20 (local.get $answer) (local.get $b-size))
      (local.get $answer))
    ;; A JSON string of `size` bytes.
    (func $string (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (call $alloc (local.get $size)))
      (memory.fill (local.get $at) (i32.const 97) (local.get $size))
      (i32.store8 (local.get $at) (i32.const 34))
      (i32.store8 (i32.sub (i32.add (local.get $at) (local.get $size)) (i32.const 1)) (i32.const 34))
      (local.get $at))

    (func $recurse (param $n i32) (result i32)
      (i32.add (call $recurse (i32.add (local.get $n) (i32.const 1))) (call $recurse (i32.add (local.get $n) (i32.const 2)))))

    (func (export "format") (result i32)
      (local $answer i32)
;;@format
      (local.set $answer (call $alloc (i32.const 12)))
      (i32.store8 (local.get $answer) (i32.const 1))
      (i32.store offset=4 (local.get $answer) (i32.const 0x4f0))
      (i32.store offset=8 (local.get $answer) (i32.const 9))
      (local.get $answer))

    (func (export "constructor") (param $id i32) (param $size i32) (result i32)
      (local $entity i32)
      (global.set $heap (i32.const 0x200000))
;;@constructor
      (local.set $entity (global.get $entities))
      ;; Places are used again from the start when they run out: a counter of a test never has that many.
      (if (i32.ge_u (local.get $entity) (i32.const 0x1f0000)) (then (local.set $entity (i32.const 0x10000))))
      (global.set $entities (i32.add (local.get $entity) (i32.const 16)))
      (i64.store (local.get $entity) (i64.const 0))
      (call $new (local.get $entity)))

    (func (export "apply") (param $self i32) (param $events i32) (param $count i32) (result i32)
      (local $at i32) (local $end i32)
;;@apply
      (local.set $at (local.get $events))
      (local.set $end (i32.add (local.get $events) (i32.mul (local.get $count) (i32.const 16))))
      (block $done
        (loop $next
          (br_if $done (i32.eq (local.get $at) (local.get $end)))
          (if (call $equal (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i32.const 0x490) (i32.const 6))
            (then (return (call $error (i32.const 3) (i32.const 0x490) (i32.const 6) (i32.const 0x4a0) (i32.const 12)))))
          (if (call $equal (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i32.const 0x510) (i32.const 4))
            (then
;;@trap-event
              unreachable))
          (if (call $equal (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i32.const 0x400) (i32.const 11))
            (then (i64.store (local.get $self) (i64.add (i64.load (local.get $self))
              (call $parse (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at)))))))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br $next)))
      (call $ok (i32.const 0) (i32.const 0)))

    (func (export "snapshot") (param $self i32) (result i32)
      (local $start i32) (local $end i32)
;;@snapshot
      (local.set $end (i32.add (call $alloc (i32.const 32)) (i32.const 32)))
      (local.set $start (call $print (i64.load (local.get $self)) (local.get $end)))
      (call $ok (local.get $start) (i32.sub (local.get $end) (local.get $start))))

    (func (export "restore") (param $self i32) (param $text i32) (param $size i32) (result i32)
      (local $answer i32)
;;@restore
      (i64.store (local.get $self) (call $parse (local.get $text) (local.get $size)))
      (local.set $answer (call $ok (i32.const 0) (i32.const 0)))
      (if (i64.eq (i64.load (local.get $self)) (i64.const -1))
        (then
          (i32.store8 (local.get $answer) (i32.const 1))
          (i32.store offset=4 (local.get $answer) (i32.const 0x450))
          (i32.store offset=8 (local.get $answer) (i32.const 21))))
      (local.get $answer))

    (func (export "handle08") (param $self i32) (param $name i32) (param $name-size i32) (param $data i32) (param $data-size i32) (result i32)
      (call $handle (local.get $self) (local.get $name) (local.get $name-size) (local.get $data) (local.get $data-size)
        (i32.const 0) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))

    (func $handle (export "handle") (param $self i32) (param $name i32) (param $name-size i32) (param $data i32) (param $data-size i32)
      (param $id i32) (param $id-size i32) (param $time i64) (param $version i64) (param $correlation i32) (param $correlation-size i32)
      (param $causation i32) (param $causation-size i32) (param $metadata i32) (param $metadata-size i32) (result i32)
      (local $n i32) (local $start i32) (local $end i32)
;;@handle
      (local.set $n (i32.wrap_i64 (call $parse (local.get $data) (local.get $data-size))))
      (block $unknown (block $stray (block $import (block $context (block $flood (block $log (block $bad-new-event (block $bad-error (block $bad-event (block $bad-context (block $bad-payload (block $reject-text (block $reject (block $bad-variant (block $bad-list (block $amplify (block $huge (block $many (block $empty-type (block $bad-utf8 (block $bad-json (block $recurse (block $grow-by (block $grow (block $loop (block $trap (block $nothing (block $report (block $increment
        (br_table $increment $report $nothing $trap $loop $grow $grow-by $recurse $bad-json $bad-utf8 $empty-type $many $huge $amplify $bad-list $bad-variant $reject $reject-text $bad-payload $bad-context $bad-event $bad-error $bad-new-event $log $flood $context $import $stray $unknown
          (call $number-of (local.get $name) (local.get $name-size))))
        ;; increment
        (if (i32.eq (local.get $n) (i32.const -1))
          (then (return (call $error (i32.const 1) (local.get $name) (local.get $name-size) (i32.const 0x450) (i32.const 21)))))
        (return (call $one (i32.const 0x400) (i32.const 11) (local.get $data) (local.get $data-size))))
        ;; report
        (local.set $end (i32.add (call $alloc (i32.const 32)) (i32.const 32)))
        (local.set $start (call $print (i64.load (local.get $self)) (local.get $end)))
        (return (call $one (i32.const 0x410) (i32.const 8) (local.get $start) (i32.sub (local.get $end) (local.get $start)))))
        ;; nothing
        (return (call $ok (i32.const 0) (i32.const 0))))
        ;; trap
        unreachable)
        ;; loop
        (loop $for-ever (br $for-ever)))
        ;; grow: as an allocator does, until it is refused, then it gives up
        (loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
        unreachable)
        ;; grow-by: that many pages, and touches none
        (drop (memory.grow (local.get $n)))
        (return (call $ok (i32.const 0) (i32.const 0))))
        ;; recurse
        (return (call $recurse (i32.const 0))))
        ;; bad-json
        (return (call $one (i32.const 0x400) (i32.const 11) (i32.const 0x420) (i32.const 10))))
        ;; bad-utf8
        (return (call $one (i32.const 0x400) (i32.const 11) (i32.const 0x430) (i32.const 2))))
        ;; empty-type
        (return (call $one (i32.const 0x400) (i32.const 0) (local.get $data) (local.get $data-size))))
        ;; many: that many events
        (return (call $many (local.get $n) (i32.const 0x400) (i32.const 11) (local.get $data) (local.get $data-size))))
        ;; huge: an event of that many bytes
        (return (call $one (i32.const 0x400) (i32.const 11) (call $string (local.get $n)) (local.get $n))))
        ;; amplify: a thousand events that share one text of that many bytes
        (return (call $many (i32.const 1000) (i32.const 0x400) (i32.const 11) (call $string (local.get $n)) (local.get $n))))
        ;; bad-list: beyond the memory
        (return (call $ok (i32.const 0xfffffff0) (i32.const 1000))))
        ;; bad-variant
        (local.set $n (call $ok (i32.const 0) (i32.const 0)))
        (i32.store8 (local.get $n) (i32.const 7))
        (return (local.get $n)))
        ;; reject: the payload is the error
        (return (call $error (i32.const 0) (i32.const 0x440) (i32.const 7) (local.get $data) (local.get $data-size))))
        ;; reject-text
        (return (call $error (i32.const 0) (i32.const 0x440) (i32.const 7) (i32.const 0x4b0) (i32.const 14))))
        ;; bad-payload
        (return (call $error (i32.const 1) (local.get $name) (local.get $name-size) (i32.const 0x450) (i32.const 21))))
        ;; bad-context
        (return (call $error (i32.const 2) (i32.const 0x450) (i32.const 21) (i32.const 0) (i32.const 0))))
        ;; bad-event
        (return (call $error (i32.const 3) (i32.const 0x490) (i32.const 6) (i32.const 0x4a0) (i32.const 12))))
        ;; bad-error
        (return (call $error (i32.const 4) (i32.const 0x440) (i32.const 7) (i32.const 0x4a0) (i32.const 12))))
        ;; bad-new-event
        (return (call $error (i32.const 5) (i32.const 0x4a0) (i32.const 12) (i32.const 0) (i32.const 0))))
        ;; log: the payload, at level info
        (call $log (i32.const 2) (local.get $data) (local.get $data-size))
        (return (call $ok (i32.const 0) (i32.const 0))))
        ;; flood: the payload that many times
        (loop $again
          (call $log (i32.const 2) (local.get $data) (local.get $data-size))
          (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (return (call $ok (i32.const 0) (i32.const 0))))
        ;; context: all of it, as a JSON array
        (local.set $start (call $alloc (i32.const 4096)))
        (local.set $end (call $append (local.get $start) (i32.const 0x4d0) (i32.const 2)))
        (local.set $end (call $append (local.get $end) (local.get $id) (local.get $id-size)))
        (local.set $end (call $append (local.get $end) (i32.const 0x4d4) (i32.const 3)))
        (local.set $end (call $append (local.get $end) (local.get $correlation) (local.get $correlation-size)))
        (local.set $end (call $append (local.get $end) (i32.const 0x4d4) (i32.const 3)))
        (local.set $end (call $append (local.get $end) (local.get $causation) (local.get $causation-size)))
        (local.set $end (call $append (local.get $end) (i32.const 0x4d8) (i32.const 2)))
        (local.set $end (call $append-number (local.get $end) (local.get $time)))
        (local.set $end (call $append (local.get $end) (i32.const 0x4dc) (i32.const 1)))
        (local.set $end (call $append-number (local.get $end) (local.get $version)))
        (local.set $end (call $append (local.get $end) (i32.const 0x4dc) (i32.const 1)))
        (if (local.get $metadata-size)
          (then
            (local.set $end (call $append (local.get $end) (local.get $metadata) (local.get $metadata-size)))
            (local.set $end (call $append (local.get $end) (i32.const 0x4e8) (i32.const 1))))
          (else (local.set $end (call $append (local.get $end) (i32.const 0x4e0) (i32.const 5)))))
        (return (call $one (i32.const 0x500) (i32.const 7) (local.get $start) (i32.sub (local.get $end) (local.get $start)))))
        ;; import: whatever the recipe adds
;;@import
        (return (call $ok (i32.const 0) (i32.const 0))))
        ;; stray: reads far outside its memory
        (return (call $ok (i32.load (i32.const 0x7ffffff0)) (i32.const 0))))
      ;; unknown
      (call $error (i32.const 1) (local.get $name) (local.get $name-size) (i32.const 0x470) (i32.const 15))))
