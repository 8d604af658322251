// The ceiling of src/net: empty methods, and on exit what a call cost.
//
//   bench_net_empty_server [HOST:PORT] [THREADS]      serves until its standard input ends
//
// /bench.Empty/Inline answers on the loop thread, /bench.Empty/Handed from another thread in batches as a shard or the
// committer does, /bench.Empty/Echo sends every message of a stream back. Load for it: thalo bench empty.
#include <sys/resource.h>

#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/prompt.h"
#include "net/server.h"

namespace {

using thalo::base::BoundedQueue;
using namespace thalo::net;

class Echo final : public StreamHandler {
 public:
  explicit Echo(Stream stream) : stream_(std::move(stream)) {}
  void on_message(std::string_view message) override {
    if (!stream_.write(message)) stream_.finish(Status::ok());
    if (!stream_.writable()) stream_.pause_reading();
  }
  void on_writable() override { stream_.resume_reading(); }
  void on_half_close() override { stream_.finish(Status::ok()); }

 private:
  Stream stream_;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  BoundedQueue<UnaryCall> queue("handed calls", 100'000);
  std::thread worker([&queue] {
    thalo::base::run_promptly();
    std::vector<UnaryCall> calls;
    while (queue.wait_all(calls)) {
      const AnswerBatch batch;
      for (UnaryCall& call : calls) call.finish({});
    }
  });
  Router router;
  router.unary("/bench.Empty/Inline", [](UnaryCall call) { call.finish({}); });
  router.unary("/bench.Empty/Handed", [&queue](UnaryCall call) {
    if (auto pushed = queue.push(std::move(call)); !pushed) call.fail(pushed.error());
  });
  router.streaming("/bench.Empty/Echo", [](Stream stream) { return std::make_unique<Echo>(std::move(stream)); });
  ServerOptions options;
  options.addresses = {argc > 1 ? argv[1] : "127.0.0.1:0"};
  options.threads = argc > 2 ? static_cast<unsigned>(std::stoul(argv[2])) : 1;
  auto server = Server::start(std::move(options), std::move(router));
  if (!server) {
    std::cerr << server.error().message << '\n';
    return 1;
  }
  std::cout << (*server)->addresses().front() << std::endl;
  const double before = cpu_seconds();
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  const double used = cpu_seconds() - before;
  const auto calls = (*server)->call_count();
  std::cerr << calls << " calls, " << used << " s CPU, " << (calls == 0 ? 0 : used * 1e6 / static_cast<double>(calls))
            << " us CPU a call\n";
  server->reset();
  queue.close();
  worker.join();
}
