;; WASI preview 1 as an aggregate may see it: nothing of the outside, and the same answers on every machine and at every replay.
;;
;; A compiler for wasm32-wasi links a libc that imports `wasi_snapshot_preview1`. `thalo build` answers those imports with this module, so that
;; the component imports nothing but the runtime's log:
;;   - standard output and error go to the log, line by line, at the levels info and warn; standard input is empty;
;;   - there are no arguments, no environment, no files, no sockets;
;;   - the wall clock stands at 2000-01-01; the other clocks advance by a microsecond at each look and by the time slept;
;;   - random bytes are the same at every call: a state that depends on them is still a function of the events alone;
;;   - exit traps.
;; Whatever depends on time or chance belongs into an event: the command's context carries the time and the id.
;;
;; Results are the errno numbers of preview 1: 0 success, 8 badf, 28 inval, 52 nosys, 70 spipe.
(module
  (import "env" "memory" (memory 0))
  (import "thalo:aggregate/log@1.0.0" "write" (func $log (param $level i32) (param $text i32) (param $size i32)))

  (global $now (mut i64) (i64.const 1000000))

  ;; ---- arguments and environment: none ----

  (func (export "args_get") (export "environ_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "args_sizes_get") (export "environ_sizes_get") (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (i32.const 0))

  ;; ---- time and chance: fixed ----

  (func (export "clock_res_get") (param $clock i32) (param $out i32) (result i32)
    (i64.store (local.get $out) (i64.const 1000))
    (i32.const 0))
  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $out i32) (result i32)
    (if (i32.eqz (local.get $clock))
      (then
        (i64.store (local.get $out) (i64.const 946684800000000000))
        (return (i32.const 0))))
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    (i64.store (local.get $out) (global.get $now))
    (i32.const 0))

  ;; splitmix64 from a fixed seed, a byte at a time.
  (func (export "random_get") (param $out i32) (param $size i32) (result i32)
    (local $state i64)
    (local $word i64)
    (local.set $state (i64.const 0x7468616c6f207631))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $size)))
        (local.set $state (i64.add (local.get $state) (i64.const 0x9e3779b97f4a7c15)))
        (local.set $word (local.get $state))
        (local.set $word
          (i64.mul (i64.xor (local.get $word) (i64.shr_u (local.get $word) (i64.const 30))) (i64.const 0xbf58476d1ce4e5b9)))
        (local.set $word
          (i64.mul (i64.xor (local.get $word) (i64.shr_u (local.get $word) (i64.const 27))) (i64.const 0x94d049bb133111eb)))
        (i64.store8 (local.get $out) (i64.shr_u (local.get $word) (i64.const 56)))
        (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; Every wait is over at once: a clock has advanced by the time asked for, a file is no good descriptor.
  ;; A subscription has 48 bytes: userdata at 0, kind at 8, and for a clock timeout at 24, flags at 40 (bit 0: absolute).
  ;; An event has 32 bytes: userdata at 0, error at 8, kind at 10.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $count_out i32) (result i32)
    (local $left i32)
    (local $timeout i64)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $left (local.get $count))
    (loop $next
      (memory.fill (local.get $out) (i32.const 0) (i32.const 32))
      (i64.store (local.get $out) (i64.load (local.get $in)))
      (i32.store8 offset=10 (local.get $out) (i32.load8_u offset=8 (local.get $in)))
      (if (i32.load8_u offset=8 (local.get $in))
        (then (i32.store16 offset=8 (local.get $out) (i32.const 8)))
        (else
          (local.set $timeout (i64.load offset=24 (local.get $in)))
          (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1)))
            (then (local.set $timeout (i64.add (global.get $now) (local.get $timeout)))))
          (if (i64.gt_u (local.get $timeout) (global.get $now))
            (then (global.set $now (local.get $timeout))))))
      (local.set $in (i32.add (local.get $in) (i32.const 48)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store (local.get $count_out) (local.get $count))
    (i32.const 0))

  ;; ---- standard input, output and error ----

  (func $stdio (param $fd i32) (result i32) (i32.lt_u (local.get $fd) (i32.const 3)))

  (func (export "fd_read") (param $fd i32) (param $vectors i32) (param $count i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))

  (func (export "fd_write") (param $fd i32) (param $vectors i32) (param $count i32) (param $written i32) (result i32)
    (local $total i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $log_lines
          (i32.add (local.get $fd) (i32.const 1)) ;; info is 2, warn is 3
          (i32.load (local.get $vectors))
          (i32.load offset=4 (local.get $vectors)))
        (local.set $total (i32.add (local.get $total) (i32.load offset=4 (local.get $vectors))))
        (local.set $vectors (i32.add (local.get $vectors) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $total))
    (i32.const 0))

  ;; Logs each non-empty line of a text. A byte that is not UTF-8 ends a line too and is dropped: a string may not carry it.
  (func $log_lines (param $level i32) (param $at i32) (param $size i32)
    (local $line i32)
    (local $end i32)
    (local $length i32)
    (local.set $line (local.get $at))
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (local.set $length (i32.const 0))
          (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 10))
            (then (local.set $length (call $utf8_length (local.get $at) (local.get $end)))))
          (if (local.get $length)
            (then (local.set $at (i32.add (local.get $at) (local.get $length))))
            (else
              (call $log_line (local.get $level) (local.get $line) (local.get $at))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (local.set $line (local.get $at))))
          (br $next))))
    (call $log_line (local.get $level) (local.get $line) (local.get $end)))

  (func $log_line (param $level i32) (param $begin i32) (param $end i32)
    (if (i32.lt_u (local.get $begin) (local.get $end))
      (then (call $log (local.get $level) (local.get $begin) (i32.sub (local.get $end) (local.get $begin))))))

  ;; The size of the UTF-8 character at $at, or 0 when there is none.
  (func $utf8_length (param $at i32) (param $end i32) (result i32)
    (local $lead i32)
    (local $length i32)
    (local $code i32)
    (local $index i32)
    (local $byte i32)
    (local.set $lead (i32.load8_u (local.get $at)))
    (if (i32.lt_u (local.get $lead) (i32.const 0x80)) (then (return (i32.const 1))))
    (if (i32.lt_u (local.get $lead) (i32.const 0xc2)) (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $lead) (i32.const 0xf4)) (then (return (i32.const 0))))
    (local.set $length
      (i32.add
        (i32.const 2)
        (i32.add
          (i32.ge_u (local.get $lead) (i32.const 0xe0))
          (i32.ge_u (local.get $lead) (i32.const 0xf0)))))
    (if (i32.gt_u (local.get $length) (i32.sub (local.get $end) (local.get $at))) (then (return (i32.const 0))))
    (local.set $code (i32.and (local.get $lead) (i32.shr_u (i32.const 0x7f) (local.get $length))))
    (local.set $index (i32.const 1))
    (loop $next
      (local.set $byte (i32.load8_u (i32.add (local.get $at) (local.get $index))))
      (if (i32.ne (i32.and (local.get $byte) (i32.const 0xc0)) (i32.const 0x80)) (then (return (i32.const 0))))
      (local.set $code
        (i32.or (i32.shl (local.get $code) (i32.const 6)) (i32.and (local.get $byte) (i32.const 0x3f))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $index) (local.get $length))))
    ;; Too long for its code, a surrogate, or past the last code.
    (if (i32.lt_u
          (local.get $code)
          (select
            (i32.const 0x80)
            (select (i32.const 0x800) (i32.const 0x10000) (i32.eq (local.get $length) (i32.const 3)))
            (i32.eq (local.get $length) (i32.const 2))))
      (then (return (i32.const 0))))
    (if (i32.eq (i32.and (local.get $code) (i32.const 0xfffff800)) (i32.const 0xd800)) (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $code) (i32.const 0x10ffff)) (then (return (i32.const 0))))
    (local.get $length))

  ;; The three are terminals without position, so that a libc flushes at each line. Kind at 0, rights at 8: read, write.
  (func (export "fd_fdstat_get") (param $fd i32) (param $out i32) (result i32)
    (if (i32.eqz (call $stdio (local.get $fd))) (then (return (i32.const 8))))
    (memory.fill (local.get $out) (i32.const 0) (i32.const 24))
    (i32.store8 (local.get $out) (i32.const 2))
    (i64.store offset=8 (local.get $out) (select (i64.const 0x40) (i64.const 0x02) (local.get $fd)))
    (i32.const 0))
  ;; 64 bytes, the kind at 16.
  (func (export "fd_filestat_get") (param $fd i32) (param $out i32) (result i32)
    (if (i32.eqz (call $stdio (local.get $fd))) (then (return (i32.const 8))))
    (memory.fill (local.get $out) (i32.const 0) (i32.const 64))
    (i32.store8 offset=16 (local.get $out) (i32.const 2))
    (i32.const 0))
  (func (export "fd_seek") (param $fd i32) (param $offset i64) (param $whence i32) (param $out i32) (result i32)
    (select (i32.const 70) (i32.const 8) (call $stdio (local.get $fd))))
  (func (export "fd_tell") (param $fd i32) (param $out i32) (result i32)
    (select (i32.const 70) (i32.const 8) (call $stdio (local.get $fd))))
  (func (export "fd_close") (export "fd_datasync") (export "fd_sync") (param $fd i32) (result i32)
    (select (i32.const 0) (i32.const 8) (call $stdio (local.get $fd))))
  (func (export "fd_fdstat_set_flags") (param $fd i32) (param $flags i32) (result i32)
    (select (i32.const 0) (i32.const 8) (call $stdio (local.get $fd))))

  ;; ---- files and sockets: none, so that every descriptor is bad ----

  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))

  (func (export "path_create_directory") (export "path_remove_directory") (export "path_unlink_file")
    (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_readlink") (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))

  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8))

  ;; ---- the end ----

  (func (export "proc_exit") (param $code i32) unreachable)
  (func (export "proc_raise") (param $signal i32) (result i32) (i32.const 52)))
