;; The shell of a component of the world of Thalo 0.8 (wit/aggregate-0.8.wit).
(component
  (import "tracing" (instance $tracing (export "send-event" (func (param "event" (list u8))))))
  ;;@imports

  ;; Memory comes first, so that imports and the destructor can use it.
  ;; Layout: constants below 64 KiB, entities (16 bytes each: count, spare) from 64 KiB, the heap of a call from 2 MiB.
  (core module $libc
    (memory (export "memory") 64)
    (global $heap (export "heap") (mut i32) (i32.const 0x200000))
    (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
      (global.set $heap (i32.add (local.get $at) (local.get $size)))
      (block $enough
        (br_if $enough (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16)))))
          (then unreachable)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "cabi_realloc" (core func $realloc))

  (core module $destructor
    (import "libc" "memory" (memory 64))
    (func (export "dtor") (param $entity i32)
;;@destructor
    ))
  (core instance $destructor (instantiate $destructor (with "libc" (instance $libc))))
  (type $entity (resource (rep i32) (dtor (core func $destructor "dtor"))))
  (core func $new (canon resource.new $entity))
  (alias export $tracing "send-event" (func $send-event))
  (core func $send-event (canon lower (func $send-event) (memory (core memory $memory))))
  (core module $logger
    (import "host" "send" (func $send (param i32 i32)))
    (func (export "log") (param $level i32) (param $message i32) (param $size i32) (call $send (local.get $message) (local.get $size))))
  (core instance $logger (instantiate $logger (with "host" (instance (export "send" (func $send-event))))))
  (alias core export $logger "log" (core func $log-write))
  ;;@lowered

  ;;@core
  (core instance $rules (instantiate $rules
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "new" (func $new))
      (export "log" (func $log-write))
;;@host
      ))))

  (type $event (record (field "event" string) (field "payload" string)))
  (type $command (record (field "command" string) (field "payload" string)))
  (type $error (variant (case "command" (tuple string string)) (case "deserialize-command" (tuple string string))
    (case "deserialize-context" string) (case "deserialize-event" (tuple string string))
    (case "serialize-error" (tuple string string)) (case "serialize-event" string)))
  (alias core export $rules "reset" (core func $reset))
  (func $constructor (param "id" string) (result (own $entity))
    (canon lift (core func $rules "constructor") (memory (core memory $memory)) (realloc (core func $realloc))))
  (func $apply (param "self" (borrow $entity)) (param "events" (list $event)) (result (result (error $error)))
    (canon lift (core func $rules "apply") (memory (core memory $memory)) (realloc (core func $realloc)) (post-return (core func $reset))))
  (func $handle (param "self" (borrow $entity)) (param "command" $command) (result (result (list $event) (error $error)))
    (canon lift (core func $rules "handle08") (memory (core memory $memory)) (realloc (core func $realloc)) (post-return (core func $reset))))

  ;; An exported interface must name its types, which only a component around the functions can do.
  (component $interface
    (import "entity" (type $entity (sub resource)))
    (type $event' (record (field "event" string) (field "payload" string)))
    (import "event" (type $event (eq $event')))
    (type $command' (record (field "command" string) (field "payload" string)))
    (import "command" (type $command (eq $command')))
    (type $error' (variant (case "command" (tuple string string)) (case "deserialize-command" (tuple string string))
      (case "deserialize-context" string) (case "deserialize-event" (tuple string string))
      (case "serialize-error" (tuple string string)) (case "serialize-event" string)))
    (import "error" (type $error (eq $error')))
    (import "constructor" (func $constructor (param "id" string) (result (own $entity))))
    (import "apply" (func $apply (param "self" (borrow $entity)) (param "events" (list $event)) (result (result (error $error)))))
    (import "handle" (func $handle (param "self" (borrow $entity)) (param "command" $command) (result (result (list $event) (error $error)))))
    (export $event-out "event" (type $event))
    (type $command-type (record (field "command" string) (field "payload" string)))
    (export $command-out "command" (type $command) (type (eq $command-type)))
    (export $error-out "error" (type $error))
    (export $entity-out "entity" (type $entity))
    (export "[constructor]entity" (func $constructor) (func (param "id" string) (result (own $entity-out))))
    (export "[method]entity.apply" (func $apply)
      (func (param "self" (borrow $entity-out)) (param "events" (list $event-out)) (result (result (error $error-out)))))
    (export "[method]entity.handle" (func $handle)
      (func (param "self" (borrow $entity-out)) (param "command" $command-out) (result (result (list $event-out) (error $error-out))))))
  (instance $interface (instantiate $interface
    (with "entity" (type $entity)) (with "event" (type $event)) (with "command" (type $command))
    (with "error" (type $error)) (with "constructor" (func $constructor)) (with "apply" (func $apply))
    (with "handle" (func $handle))))
  (export "aggregate" (instance $interface)))
