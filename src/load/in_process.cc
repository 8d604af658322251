#include "load/in_process.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "command/catalog.h"
#include "command/module_folder.h"
#include "command/router.h"
#include "env/clock.h"
#include "load/requests.h"
#include "store/rocksdb_store.h"
#include "wasm/wasmtime_engine.h"

namespace thalo::load {

namespace {

class Slot;

// The slots whose answers have come, on their way from the runtime's threads to their load thread.
class Inbox {
 public:
  void add(std::span<Slot* const> slots) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      slots_.insert(slots_.end(), slots.begin(), slots.end());
      wake = std::exchange(waiting_, false);
    }
    if (wake) arrived_.notify_one();
  }

  void take(std::vector<Slot*>& out, std::chrono::nanoseconds timeout) {
    out.clear();
    std::unique_lock lock(mutex_);
    if (slots_.empty()) {
      waiting_ = true;
      arrived_.wait_for(lock, timeout, [this] { return !slots_.empty(); });
      waiting_ = false;
    }
    out.swap(slots_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Slot*> slots_;
  bool waiting_ = false;
};

// The answers of one group commit reach their load threads together.
class Runs final : public command::AnswerRuns {
 public:
  void begin() override { open_ = true; }
  void end() override;
  static void answered(Slot* slot);

 private:
  static thread_local bool open_;
  static thread_local std::vector<Slot*> answered_;
};

// What one load thread shares with the runtime. Lives until the runtime has answered everything.
struct Thread {
  Thread(const Settings& settings, std::uint64_t seed);
  ~Thread();
  Inbox inbox;
  Requests requests;
  std::vector<std::unique_ptr<Slot>> slots;
};

class Slot final : public Caller {
 public:
  Slot(Thread& thread, command::Router& router) : thread_(thread), router_(router) {}

  void begin() override {
    Requests& requests = thread_.requests;
    const std::uint64_t entity = requests.next_entity();
    requests.stream_of(entity, stream_);
    command::ExecuteRequest request;
    request.category = requests.category();
    request.id = requests.id_of(entity);
    request.command = requests.command();
    request.payload = requests.payload();
    router_.execute(std::move(request), std::make_unique<Answer>(*this));
  }

  Inbox& inbox() { return thread_.inbox; }

  // On the load thread, once the answer is in the inbox.
  void end(Driver& driver) {
    std::string text;
    driver.finished(*this, judge(text));
  }

 private:
  class Answer final : public command::Caller {
   public:
    explicit Answer(Slot& slot) : slot_(slot) {}
    bool gone() const override { return false; }
    void answer(base::Result<command::ExecuteOutcome> outcome) override {
      slot_.outcome_ = std::move(outcome);
      Runs::answered(&slot_);
    }

   private:
    Slot& slot_;
  };

  Ending judge(std::string& text) const {
    if (!outcome_)
      return check_failure(static_cast<std::uint32_t>(outcome_.error().code), outcome_.error().message, text);
    const auto* accepted = std::get_if<model::Accepted>(&*outcome_);
    if (accepted == nullptr) return {.outcome = Outcome::rejected};
    const bool right =
        std::ranges::all_of(accepted->events, [this](const auto& event) { return event.stream == stream_; });
    if (!right) return {.outcome = Outcome::wrong, .error = "an event of another stream in the answer"};
    return {.events = accepted->events.size()};
  }

  Thread& thread_;
  command::Router& router_;
  std::string stream_;
  base::Result<command::ExecuteOutcome> outcome_;
};

thread_local bool Runs::open_ = false;
thread_local std::vector<Slot*> Runs::answered_;

void Runs::answered(Slot* slot) {
  if (!open_) return slot->inbox().add({&slot, 1});
  answered_.push_back(slot);
}

void Runs::end() {
  open_ = false;
  for (std::span<Slot* const> left = answered_; !left.empty();) {
    Inbox& inbox = left.front()->inbox();
    const auto other = std::ranges::find_if(left, [&](Slot* slot) { return &slot->inbox() != &inbox; });
    const auto count = static_cast<std::size_t>(other - left.begin());
    inbox.add(left.first(count));
    left = left.subspan(count);
  }
  answered_.clear();
}

Thread::Thread(const Settings& settings, std::uint64_t seed) : requests(settings, seed) {}
Thread::~Thread() = default;

class InProcessTransport final : public Transport {
 public:
  InProcessTransport(std::shared_ptr<Thread> thread, command::Router& router, std::size_t callers)
      : thread_(std::move(thread)) {
    for (std::size_t index = 0; index < callers; ++index) {
      thread_->slots.push_back(std::make_unique<Slot>(*thread_, router));
    }
  }

  std::vector<Caller*> callers(Driver& driver) override {
    driver_ = &driver;
    std::vector<Caller*> out;
    for (const auto& slot : thread_->slots) out.push_back(slot.get());
    return out;
  }
  void flush() override {}
  void wait(std::chrono::nanoseconds timeout) override {
    thread_->inbox.take(arrived_, timeout);
    for (Slot* slot : arrived_) slot->end(*driver_);
  }

 private:
  const std::shared_ptr<Thread> thread_;
  Driver* driver_ = nullptr;
  std::vector<Slot*> arrived_;
};

class Runtime final : public InProcess {
 public:
  Runtime(const Settings& settings, std::unique_ptr<store::Store> store, std::unique_ptr<wasm::Engine> engine)
      : settings_(settings),
        store_(std::move(store)),
        engine_(std::move(engine)),
        modules_(settings.modules_path, *engine_, catalog_, clock_),
        router_(options_of(settings), *store_, catalog_, clock_, &runs_) {}

  ~Runtime() override {
    router_.stop();
    store_->close();
  }

  base::Result<> load_modules() {
    auto loaded = modules_.load_all();
    if (!loaded) return std::unexpected(loaded.error());
    if (catalog_.find(settings_.category) == nullptr) {
      return base::fail(base::Code::not_found, "no module in " + settings_.modules_path.string() +
                                                   " serves the aggregate \"" + settings_.category + "\"");
    }
    return {};
  }

  std::unique_ptr<Transport> transport(std::size_t callers, std::uint64_t seed) override {
    auto thread = threads_.emplace_back(std::make_shared<Thread>(settings_, seed));
    return std::make_unique<InProcessTransport>(std::move(thread), router_, callers);
  }

  std::uint64_t head() override { return store_->head(); }

 private:
  static command::RouterOptions options_of(const Settings& settings) {
    command::RouterOptions out;
    out.shards = settings.shards != 0 ? settings.shards : std::max(1U, std::thread::hardware_concurrency());
    return out;
  }

  // Members are destroyed from the last to the first: the router goes before what its commands use.
  const Settings settings_;
  const env::SystemClock clock_;
  std::vector<std::shared_ptr<Thread>> threads_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<wasm::Engine> engine_;
  command::Catalog catalog_;
  command::ModuleFolder modules_;
  Runs runs_;
  command::Router router_;
};

}  // namespace

base::Result<std::unique_ptr<InProcess>> InProcess::open(const Settings& settings) {
  auto store = store::open_rocksdb_store({.path = settings.store_path});
  if (!store) return std::unexpected(store.error());
  auto engine = wasm::make_wasmtime_engine({});
  if (!engine) return std::unexpected(engine.error());
  auto runtime = std::make_unique<Runtime>(settings, *std::move(store), *std::move(engine));
  if (auto loaded = runtime->load_modules(); !loaded) return std::unexpected(loaded.error());
  return runtime;
}

}  // namespace thalo::load
