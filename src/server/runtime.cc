#include "server/runtime.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>
#include <utility>

#include "base/log.h"
#include "command/module_folder.h"
#include "command/router.h"
#include "env/clock.h"
#include "env/executor.h"
#include "env/open_files.h"
#include "feed/feed.h"
#include "net/server.h"
#include "relay/relays.h"
#include "rpc/admin.h"
#include "rpc/answer_runs.h"
#include "rpc/command_center.h"
#include "rpc/commands.h"
#include "rpc/entities.h"
#include "rpc/events.h"
#include "rpc/health.h"
#include "rpc/modules.h"
#include "rpc/projections.h"
#include "rpc/reflection.h"
#include "rpc/subscriptions.h"
#include "store/rocksdb_store.h"
#include "wasm/wasmtime_engine.h"

namespace thalo::server {
namespace {

namespace log = base::log;

constexpr std::size_t read_queue_max = 10000;
// How often a start that compiles modules looks whether it should go on.
constexpr std::chrono::milliseconds interrupted_interval{50};
// How long a stopping runtime waits for what relays have on its way; what is not confirmed then is sent again later.
constexpr std::chrono::seconds relay_drain_max{5};

const std::vector<std::string>& served_services() {
  static const std::vector<std::string> names = {
      "thalo.v1.Admin",
      "thalo.v1.Commands",
      "thalo.v1.Entities",
      "thalo.v1.Events",
      "thalo.v1.Modules",
      "thalo.v1.Projections",
      "thalo.v1.Subscriptions",
      "thalo.CommandCenter",
      "thalo.Projection",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
  };
  return names;
}

bool machine_has_ipv6_loopback() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool has = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return has;
}

std::vector<std::string> addresses_of(const Options& options) {
  if (!options.addresses.empty()) return options.addresses;
  // Both, so that `localhost` works whichever it resolves to.
  if (machine_has_ipv6_loopback()) return {"127.0.0.1:4433", "[::1]:4433"};
  return {"127.0.0.1:4433"};
}

command::RouterOptions router_options(const Options& options) {
  command::RouterOptions out;
  out.shards = options.shards != 0 ? options.shards : std::max(1u, std::thread::hardware_concurrency());
  out.cached_entities_max = options.cached_entities_max;
  out.shard.queue_commands_max = options.queue_commands_max;
  out.shard.queue_wait_max = options.queue_wait_max;
  out.shard.limits = options.limits;
  out.shard.crowding = options.crowding;
  out.shard.snapshot_events = options.snapshot_events;
  out.shard.snapshot_events_of = options.snapshot_events_of;
  out.shard.snapshot_interval = options.snapshot_interval;
  out.fast_lane_time_per_call = options.fast_lane_time;
  return out;
}

// Members are destroyed from the last to the first: the listener goes before what its calls use.
class WiredRuntime final : public Runtime {
 public:
  WiredRuntime(const Options& options, std::unique_ptr<store::Store> store, std::unique_ptr<wasm::Engine> engine)
      : options_(options),
        store_(std::move(store)),
        engine_(std::move(engine)),
        modules_(options.modules_path, *engine_, catalog_, clock_),
        router_(router_options(options), *store_, catalog_, clock_, &answer_runs_),
        readers_("read", options.read_threads, read_queue_max),
        publisher_("publish", 1, 100),
        backups_("backup", 1, 4),
        health_(std::set<std::string>(served_services().begin(), served_services().end())) {}

  ~WiredRuntime() override { stop(); }

  base::Result<> load_modules(const std::function<bool()>& interrupted) {
    std::promise<base::Result<command::ModuleFolder::Loaded>> done;
    auto result = done.get_future();
    auto posted = publisher_.post([&] { done.set_value(modules_.load_all()); });
    if (!posted) return posted;
    while (result.wait_for(interrupted_interval) != std::future_status::ready) {
      if (interrupted()) engine_->stop_compiling();
    }
    if (interrupted()) return base::fail(base::Code::cancelled, "stopped while modules were loaded");
    auto loaded = result.get();
    if (!loaded) return std::unexpected(loaded.error());
    if (loaded->modules == 0) {
      log::warn("no module is loaded: build one with `thalo build`, or publish one with `thalo publish`",
                {{"folder", options_.modules_path.string()}});
    }
    return {};
  }

  base::Result<> start_feed() {
    feed::FeedOptions feeding;
    feeding.hold_wake_ups = [] { return std::make_shared<net::AnswerBatch>(); };
    auto started = feed::Feed::start(*store_, clock_, feeding);
    if (!started) return std::unexpected(started.error());
    feed_ = *std::move(started);
    return {};
  }

  base::Result<> start_relays() {
    auto started = relay::Relays::start(options_.relays, store_->id(), *feed_, clock_);
    if (!started) return std::unexpected(started.error());
    relays_ = *std::move(started);
    return {};
  }

  base::Result<> listen() {
    net::Router methods;
    rpc::add_commands(methods, router_, *store_);
    rpc::add_entities(methods, {router_, catalog_, *store_, readers_, options_.limits});
    rpc::add_events(methods, *store_, router_, readers_);
    rpc::add_admin(methods, {*store_, options_.backup_path, backups_, readers_, *relays_});
    rpc::add_modules(methods, modules_, publisher_);
    rpc::add_projections(methods, *feed_, *store_, readers_);
    rpc::add_projection_0_8(methods, *feed_);
    rpc::add_subscriptions(methods, *feed_, *store_);
    rpc::add_command_center(methods, router_, modules_, publisher_);
    health_.add_to(methods);
    rpc::add_reflection(methods, served_services());
    net::ServerOptions listener;
    listener.addresses = addresses_of(options_);
    listener.threads = options_.net_threads;
    listener.receive_message_bytes_max = options_.message_size_bytes_max;
    // A connection may send two of the largest at once.
    listener.connection_receive_bytes_max =
        std::max(listener.connection_receive_bytes_max, 2 * options_.message_size_bytes_max);
    if (const std::size_t most = env::connections_max(); most < listener.connections_max) {
      listener.connections_max = most;
      log::warn("few files and connections may be open at once: raise `ulimit -Hn` (systemd: LimitNOFILE)",
                {{"limit", env::open_files_limit()}, {"connections", most}, {"enough", env::enough_open_files}});
    }
    auto started = net::Server::start(std::move(listener), std::move(methods));
    if (!started) return std::unexpected(started.error());
    listener_ = *std::move(started);
    for (const std::string& address : listener_->addresses()) log::info("listening", {{"addr", address}});
    return {};
  }

  std::vector<std::string> addresses() const override { return listener_->addresses(); }

  void tick() override {
    look_for_changed_modules();
    check_health();
  }

  void look_for_changed_modules() {
    if (!options_.watch_modules || looking_.exchange(true)) return;
    const auto posted = publisher_.post([this] {
      modules_.load_changed();
      looking_ = false;
    });
    if (!posted) looking_ = false;  // the next tick makes up for it
  }

  void check_health() {
    if (known_poisoned_) return;
    const auto reason = store_->poisoned();
    if (!reason) return;
    known_poisoned_ = true;
    health_.set_serving(false);
    log::error("the store refuses writes until the runtime is restarted", {{"reason", reason->message}});
  }

  bool stop() override {
    if (stopped_) return drained_;
    stopped_ = true;
    engine_->stop_compiling();
    if (listener_ != nullptr) {
      health_.set_serving(false);
      drained_ = listener_->drain(std::chrono::steady_clock::now() + options_.drain_timeout);
    }
    publisher_.stop();
    backups_.stop();
    readers_.stop();
    router_.stop();
    if (relays_ != nullptr) relays_->stop(std::chrono::steady_clock::now() + relay_drain_max);
    if (feed_ != nullptr) feed_->stop();
    store_->close();
    listener_.reset();
    return drained_;
  }

 private:
  const Options options_;
  const env::SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<wasm::Engine> engine_;
  command::Catalog catalog_;
  command::ModuleFolder modules_;
  rpc::RpcAnswerRuns answer_runs_;
  command::Router router_;
  env::Executor readers_;
  env::Executor publisher_;
  env::Executor backups_;
  rpc::Health health_;
  std::unique_ptr<feed::Feed> feed_;
  std::unique_ptr<relay::Relays> relays_;
  std::unique_ptr<net::Server> listener_;
  std::atomic<bool> looking_ = false;  // for changed modules
  bool known_poisoned_ = false;
  bool stopped_ = false;
  bool drained_ = true;
};

}  // namespace

base::Result<std::unique_ptr<Runtime>> Runtime::start(const Options& options,
                                                      const std::function<bool()>& interrupted) {
  store::RocksdbOptions store_options;
  // The versions of the streams of all entities in memory: the index is asked for none of them.
  store_options.head_cache_streams = std::max(store_options.head_cache_streams, options.cached_entities_max);
  store_options.path = options.store_path;
  auto store = store::open_rocksdb_store(store_options);
  if (!store) return std::unexpected(store.error());
  // This very program, also after its file was replaced.
  auto engine = wasm::make_wasmtime_engine({.cache_folder = options.module_cache_path,
                                            .limits = options.limits,
                                            .log_compiling = true,
                                            .compiler_program = "/proc/self/exe"});
  if (!engine) return std::unexpected(engine.error());
  auto runtime = std::make_unique<WiredRuntime>(options, *std::move(store), *std::move(engine));
  if (auto loaded = runtime->load_modules(interrupted); !loaded) return std::unexpected(loaded.error());
  if (auto feeding = runtime->start_feed(); !feeding) return std::unexpected(feeding.error());
  if (auto relaying = runtime->start_relays(); !relaying) return std::unexpected(relaying.error());
  if (auto listening = runtime->listen(); !listening) return std::unexpected(listening.error());
  return runtime;
}

}  // namespace thalo::server
