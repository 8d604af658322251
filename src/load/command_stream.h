// One ExecuteStream call with many callers: what they begin in one turn goes in one message, and every answer finds its
// caller by its tag.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "load/driver.h"
#include "load/requests.h"
#include "load/settings.h"
#include "net/client_connection.h"

namespace thalo::load {

class CommandStream final : public net::ClientCall {
 public:
  CommandStream(const Settings& settings, Requests& requests, net::ClientConnection& connection, Driver& driver);
  ~CommandStream() override;

  Caller* add_caller();
  // Sends the commands that were begun since.
  void flush();

  void on_message(std::string_view message) override;
  void on_end(const net::Status& status) override;

 private:
  class Slot;

  void add(std::uint64_t tag);
  void send_batch();
  void on_answer(std::string_view answer);

  const Settings& settings_;
  Requests& requests_;
  net::ClientConnection& connection_;
  Driver& driver_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::string batch_;
  std::size_t batched_ = 0;
  bool ended_ = false;
};

}  // namespace thalo::load
