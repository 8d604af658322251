// Serves grpc.testing.TestService until its standard input ends. Prints the address it listens on as its first line.
//
//   interop_server [HOST:PORT]
#include <iostream>
#include <string>

#include "net/server.h"
#include "tests/interop/scheduler.h"
#include "tests/interop/test_service.h"

int main(int argc, char** argv) {
  thalo::interop::Scheduler scheduler;
  thalo::net::Router router;
  thalo::interop::register_test_service(router, scheduler);
  thalo::net::ServerOptions options;
  options.addresses = {argc > 1 ? argv[1] : "127.0.0.1:0"};
  options.threads = 2;
  // What the interoperability tests send is smaller; the larger limit is for the tests that measure.
  auto server = thalo::net::Server::start(std::move(options), std::move(router));
  if (!server) {
    std::cerr << server.error().message << '\n';
    return 1;
  }
  std::cout << (*server)->addresses().front() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  const bool clean = (*server)->drain(std::chrono::steady_clock::now() + std::chrono::seconds(5));
  return clean ? 0 : 2;
}
