// A client of the runtime for C++ programs, over grpc++. Any thread.
//
// Every call blocks. It fails with UNAVAILABLE when the server cannot be reached and with DEADLINE_EXCEEDED after its
// timeout; the other errors are the server's own (proto/thalo/v1).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/types.h"

namespace thalo::client {

// "host:port" of `http://host:port` or `host:port`. INVALID_ARGUMENT when it is neither.
base::Result<std::string> address_of(std::string_view url);

class Client {
 public:
  // `url` is `http://host:port` or `host:port`. Connects at the first call. INVALID_ARGUMENT when it is neither.
  static base::Result<std::unique_ptr<Client>> connect(std::string_view url);
  virtual ~Client() = default;

  // How long a call may take, from then on; for reads only making the connection is counted. Connects anew. Not while
  // another thread calls.
  virtual void set_timeout(std::chrono::milliseconds timeout) = 0;

  virtual base::Result<Outcome> execute(const Command& command) = 0;
  // Executes many commands over one call, at most `under_way_max` without an answer at a time, until the source has no
  // more and all are answered. `answered` gets each answer with its command's tag, in the order of completion; commands
  // of one entity are executed in the order of the source. The source is asked by another thread. An error: the call
  // broke, and what has no answer may or may not have been executed. Texts must be UTF-8.
  virtual base::Result<> execute_all(CommandSource& source, std::size_t under_way_max,
                                     const std::function<void(std::uint64_t, base::Result<Outcome>)>& answered) = 0;
  // What the command would do now; nothing is stored.
  virtual base::Result<Outcome> dry_run(const Command& command) = 0;

  // Shows the events of a stream in order; return false to stop. Returns how many were shown.
  virtual base::Result<std::uint64_t> read_stream(const std::string& stream, const ReadOptions& options,
                                                  const std::function<bool(const Event&)>& visit) = 0;
  // Shows the events stored when the call starts, in global order; return false to stop after this one. Returns the
  // global position to go on from.
  virtual base::Result<model::GlobalPosition> read_all(const ReadAllOptions& options,
                                                       const std::function<bool(const Event&)>& visit) = 0;
  // Shows batches of events as they become durable, first those that are stored; returns when `visit` returns false or
  // `options.stop` is requested. An error is the end too; a retryable one is mended by subscribing again with the last
  // `next`. No timeout.
  virtual base::Result<> subscribe(const SubscribeOptions& options,
                                   const std::function<bool(const SubscriptionBatch&)>& visit) = 0;
  virtual base::Result<Appended> append(const std::string& stream, const std::vector<model::NewEvent>& events,
                                        const AppendOptions& options) = 0;
  // Shows streams in the order of their names; return false to stop. `category` empty: all; `limit` 0: no limit.
  virtual base::Result<> list_streams(const std::string& category, std::uint64_t limit,
                                      const std::function<bool(const StreamInfo&)>& visit) = 0;
  // The number of events in the store.
  virtual base::Result<model::GlobalPosition> head() = 0;

  // Makes a backup on the server's machine, in a folder below its backup path; blocks until it is made, however long
  // the timeout is. `progress` hears how many bytes were copied so far.
  virtual base::Result<BackupMade> back_up(const std::string& folder,
                                           const std::function<void(std::uint64_t)>& progress) = 0;
  virtual base::Result<std::vector<Backup>> backups(const std::string& folder) = 0;

  // The relays of the server's configuration.
  virtual base::Result<std::vector<Relay>> relays() = 0;

  virtual base::Result<std::vector<Module>> modules() = 0;
  virtual base::Result<Module> module(const std::string& name) = 0;
  virtual base::Result<Module> publish(const std::string& name, const std::string& component) = 0;
  // 0: the version before the one served.
  virtual base::Result<Module> rollback(const std::string& name, std::uint32_t version) = 0;

  virtual base::Result<EntityDescription> describe(const std::string& category, const std::string& id) = 0;
  // The state after `version` events, or after all events up to `time_ms`; the newest when neither is given.
  virtual base::Result<State> state(const std::string& category, const std::string& id,
                                    std::optional<std::uint64_t> version, std::optional<std::int64_t> time_ms) = 0;
};

}  // namespace thalo::client
