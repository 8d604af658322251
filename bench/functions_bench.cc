// The hot functions of the path of a command, one by one, with Google Benchmark.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "base/json.h"
#include "load/histogram.h"
#include "load/requests.h"
#include "model/event.h"
#include "model/stream_name.h"
#include "net/message_reader.h"
#include "store/crc32c.h"
#include "store/record.h"
#include "thalo/v1/commands.pb.h"

namespace {

using namespace thalo;

std::string payload(std::int64_t size_bytes) {
  return load::padded(R"({"amount":1})", static_cast<std::size_t>(size_bytes)).value();
}

std::string request(std::int64_t size_bytes) {
  load::Settings settings;
  settings.payload_bytes = static_cast<std::size_t>(size_bytes);
  return std::string(load::Requests(settings, 1).execute(7));
}

std::string response() {
  v1::ExecuteResponse out;
  v1::Event& event = *out.mutable_accepted()->add_events();
  event.set_id("0188a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b");
  event.set_global_position(1'000'000);
  event.set_position(1000);
  event.set_stream("counter-bench7");
  event.set_type("Incremented");
  event.set_data(payload(100));
  event.set_time_ms(1'700'000'000'000);
  out.mutable_accepted()->set_version(1001);
  return out.SerializeAsString();
}

void check_json(benchmark::State& state) {
  const std::string text = payload(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(base::check_json(text));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(check_json)->Arg(100)->Arg(10'000);

void crc32c(benchmark::State& state) {
  const std::string text = payload(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(store::crc32c(text));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(crc32c)->Arg(100)->Arg(10'000);

void stream_name(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(model::StreamName::make("counter", "bench7"));
}
BENCHMARK(stream_name);

void event_id(benchmark::State& state) {
  const model::StoreId store{1, 2, 3};
  std::uint64_t position = 0;
  for (auto _ : state) benchmark::DoNotOptimize(model::event_id(store, ++position));
}
BENCHMARK(event_id);

void read_message(benchmark::State& state) {
  std::string body(net::message_prefix_bytes, '\0');
  const std::string message = request(100);
  net::write_message_prefix(body.data(), false, message.size());
  body += message;
  net::MessageReader reader;
  for (auto _ : state) {
    reader.reset(1 << 20, false);
    auto taken = reader.read(body, [](std::string_view text) {
      benchmark::DoNotOptimize(text.data());
      return true;
    });
    benchmark::DoNotOptimize(taken);
  }
}
BENCHMARK(read_message);

void parse_request(benchmark::State& state) {
  const std::string text = request(100);
  v1::ExecuteRequest parsed;
  for (auto _ : state) benchmark::DoNotOptimize(parsed.ParseFromString(text));
}
BENCHMARK(parse_request);

void write_response(benchmark::State& state) {
  v1::ExecuteResponse message;
  message.ParseFromString(response());
  std::string out;
  for (auto _ : state) benchmark::DoNotOptimize(message.SerializeToString(&out));
}
BENCHMARK(write_response);

// What the load generator adds to each command.
void generate_request(benchmark::State& state) {
  load::Requests requests({}, 1);
  for (auto _ : state) benchmark::DoNotOptimize(requests.execute(requests.next_entity()));
}
BENCHMARK(generate_request);

void check_response(benchmark::State& state) {
  const std::string text = response();
  for (auto _ : state) benchmark::DoNotOptimize(load::check_response(text, "counter-bench7"));
}
BENCHMARK(check_response);

void record_latency(benchmark::State& state) {
  load::Histogram histogram;
  std::uint64_t value = 1;
  for (auto _ : state) histogram.record(value = value * 6364136223846793005 % 100'000'000);
  benchmark::DoNotOptimize(histogram);
}
BENCHMARK(record_latency);

}  // namespace

BENCHMARK_MAIN();
