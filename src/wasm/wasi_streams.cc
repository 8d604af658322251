// wasi:io: standard input that is at its end, standard output and error that go to the log, and pollables that are
// always ready.

#include <vector>

#include "wasm/host_call.h"

namespace thalo::wasm {
namespace {

// How much a guest may write at once: what one line of the log holds.
constexpr std::uint64_t write_size_bytes_max = GuestLog::message_size_bytes_max;

wasmtime_error_t* wrong_arguments(HostCall& call) {
  return call.trap("called a WASI import with arguments of another type");
}

wasmtime_error_t* answer_own(HostCall& call, HostResource type, std::uint32_t number) {
  const auto resource = call.own(type, number);
  if (!resource) return call.trap("holds more WASI streams than the host gives out");
  return call.answer(*resource);
}

wasmtime_error_t* get_stdin(HostCall& call) { return answer_own(call, HostResource::input_stream, 0); }
wasmtime_error_t* get_stdout(HostCall& call) {
  return answer_own(call, HostResource::output_stream, static_cast<std::uint32_t>(OutputStream::standard_output));
}
wasmtime_error_t* get_stderr(HostCall& call) {
  return answer_own(call, HostResource::output_stream, static_cast<std::uint32_t>(OutputStream::standard_error));
}

wasmtime_error_t* closed(HostCall& call) {
  if (!call.resource(0)) return wrong_arguments(call);
  return call.answer(HostCall::failure(HostCall::plain_case("closed")));
}

// splice takes a second stream.
wasmtime_error_t* closed_both(HostCall& call) {
  if (!call.resource(0) || !call.resource(1)) return wrong_arguments(call);
  return call.answer(HostCall::failure(HostCall::plain_case("closed")));
}

wasmtime_error_t* check_write(HostCall& call) {
  if (!call.resource(0)) return wrong_arguments(call);
  return call.answer(HostCall::ok(HostCall::u64_value(write_size_bytes_max)));
}

wasmtime_error_t* write(HostCall& call) {
  const auto stream = call.resource(0);
  const auto size = call.list_size(1);
  if (!stream || !size) return wrong_arguments(call);
  if (*size > write_size_bytes_max) {
    return call.trap("wrote " + std::to_string(*size) + " bytes to a WASI stream at once; at most " +
                     std::to_string(write_size_bytes_max) + " are taken");
  }
  const auto bytes = call.bytes(1, write_size_bytes_max);
  if (!bytes) return wrong_arguments(call);
  call.state().print(static_cast<OutputStream>(*stream), *bytes);
  return call.answer(HostCall::ok());
}

// Flushing and writing zeroes: nothing of it shows in the log.
wasmtime_error_t* done(HostCall& call) {
  if (!call.resource(0)) return wrong_arguments(call);
  return call.answer(HostCall::ok());
}

wasmtime_error_t* subscribe(HostCall& call) {
  if (!call.resource(0)) return wrong_arguments(call);
  return answer_own(call, HostResource::pollable, 0);
}
wasmtime_error_t* subscribe_clock(HostCall& call) { return answer_own(call, HostResource::pollable, 0); }

wasmtime_error_t* ready(HostCall& call) {
  if (!call.resource(0)) return wrong_arguments(call);
  return call.answer(HostCall::boolean(true));
}

wasmtime_error_t* block(HostCall& call) {
  if (!call.resource(0)) return wrong_arguments(call);
  return call.answer_nothing();
}

wasmtime_error_t* poll(HostCall& call) {
  const auto count = call.list_size(0);
  if (!count || !call.release_list(0)) return wrong_arguments(call);
  std::vector<RawValue> indices;
  indices.reserve(*count);
  for (std::uint32_t i = 0; i < *count; ++i) indices.push_back(HostCall::u32_value(i));
  return call.answer(HostCall::list(indices));
}

constexpr HostFunction functions[] = {
    {"wasi:cli/stdin", "get-stdin", get_stdin},
    {"wasi:cli/stdout", "get-stdout", get_stdout},
    {"wasi:cli/stderr", "get-stderr", get_stderr},
    {"wasi:io/streams", "[method]input-stream.read", closed},
    {"wasi:io/streams", "[method]input-stream.blocking-read", closed},
    {"wasi:io/streams", "[method]input-stream.skip", closed},
    {"wasi:io/streams", "[method]input-stream.blocking-skip", closed},
    {"wasi:io/streams", "[method]input-stream.subscribe", subscribe},
    {"wasi:io/streams", "[method]output-stream.check-write", check_write},
    {"wasi:io/streams", "[method]output-stream.write", write},
    {"wasi:io/streams", "[method]output-stream.blocking-write-and-flush", write},
    {"wasi:io/streams", "[method]output-stream.flush", done},
    {"wasi:io/streams", "[method]output-stream.blocking-flush", done},
    {"wasi:io/streams", "[method]output-stream.subscribe", subscribe},
    {"wasi:io/streams", "[method]output-stream.write-zeroes", done},
    {"wasi:io/streams", "[method]output-stream.blocking-write-zeroes-and-flush", done},
    {"wasi:io/streams", "[method]output-stream.splice", closed_both},
    {"wasi:io/streams", "[method]output-stream.blocking-splice", closed_both},
    {"wasi:io/poll", "[method]pollable.ready", ready},
    {"wasi:io/poll", "[method]pollable.block", block},
    {"wasi:io/poll", "poll", poll},
    {"wasi:clocks/monotonic-clock", "subscribe-instant", subscribe_clock},
    {"wasi:clocks/monotonic-clock", "subscribe-duration", subscribe_clock},
};

}  // namespace

std::span<const HostFunction> wasi_stream_functions() { return functions; }

}  // namespace thalo::wasm
