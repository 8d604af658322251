#include "wasm/wasmtime_engine.h"

#include "base/log.h"
#include "wasm/artifact_cache.h"
#include "wasm/compiler.h"
#include "wasm/digest.h"
#include "wasm/engine_core.h"
#include "wasm/host_imports.h"
#include "wasm/loaded_component.h"
#include "wasm/wasmtime_instance.h"

namespace thalo::wasm {
namespace {

using base::Code;
using base::fail;

class WasmtimeModule final : public Module {
 public:
  explicit WasmtimeModule(std::shared_ptr<const LoadedComponent> component) : component_(std::move(component)) {}

  const std::string& name() const override { return component_->name; }
  const std::string& digest() const override { return component_->digest; }
  World world() const override { return component_->contract.world; }
  std::size_t size_bytes() const override { return component_->size_bytes; }
  const std::optional<std::string>& snapshot_format() const override { return component_->snapshot_format; }
  base::Result<std::unique_ptr<Instance>> instantiate(const Limits& limits) const override {
    return WasmtimeInstance::make(component_, limits);
  }

 private:
  std::shared_ptr<const LoadedComponent> component_;
};

// Asks a throwaway instance, which also shows at once a module that cannot even start.
base::Result<std::optional<std::string>> ask_snapshot_format(const std::shared_ptr<const LoadedComponent>& component,
                                                             const Limits& limits) {
  auto store = GuestStore::make(component, limits);
  if (!store) return std::unexpected(store.error());
  if (component->contract.world == World::v0_8) return std::nullopt;
  auto function = (*store)->find(component->functions.snapshot_format, "snapshot-format");
  if (!function) return std::unexpected(function.error());
  Value result;
  const GuestStore::Call about{.function = "snapshot-format"};
  if (auto ok = (*store)->call(*function, {}, {result.get(), 1}, about); !ok) return std::unexpected(ok.error());
  auto format = read_snapshot_format(result.raw(), (*store)->name_of(about));
  if (!format) return std::unexpected(format.error().error);
  return std::move(*format);
}

class WasmtimeEngine final : public Engine {
 public:
  WasmtimeEngine(std::shared_ptr<const EngineCore> core, EngineOptions options)
      : core_(std::move(core)),
        options_(std::move(options)),
        cache_(options_.cache_folder, EngineCore::fingerprint()),
        compiler_(options_.compiler_program, options_.compiler_limits) {}

  base::Result<std::shared_ptr<const Module>> load(std::string name, std::string_view bytes) override {
    const std::string what = "module '" + name + "': ";
    auto component = prepare(std::move(name), bytes);
    if (!component)
      return std::unexpected(
          base::Error{component.error().code, what + component.error().message, component.error().permanent});
    auto format = ask_snapshot_format(*component, options_.limits);
    if (!format && format.error().code == Code::unavailable) return std::unexpected(format.error());
    if (!format) return fail(Code::invalid_argument, "it fails when it is started: " + format.error().message);
    (*component)->snapshot_format = std::move(*format);
    return std::make_shared<WasmtimeModule>(std::move(*component));
  }

  void stop_compiling() override { compiler_.stop(); }

 private:
  base::Result<std::shared_ptr<LoadedComponent>> prepare(std::string name, std::string_view bytes) {
    if (bytes.size() > options_.component_size_bytes_max) {
      return fail(Code::invalid_argument, "it has " + std::to_string(bytes.size()) + " bytes; at most " +
                                              std::to_string(options_.component_size_bytes_max) + " are allowed");
    }
    if (auto ok = check_preamble(bytes); !ok) return std::unexpected(ok.error());
    auto loaded = std::make_shared<LoadedComponent>();
    loaded->core = core_;
    loaded->log = std::make_shared<GuestLog>(name);
    loaded->name = std::move(name);
    loaded->digest = sha256_hex(bytes);
    loaded->size_bytes = bytes.size();
    auto compiled = compile(loaded->name, loaded->digest, bytes);
    if (!compiled) return std::unexpected(compiled.error());
    loaded->component = std::move(*compiled);
    auto contract = find_contract(*loaded->component, *core_->engine());
    if (!contract) return std::unexpected(contract.error());
    loaded->contract = std::move(*contract);
    loaded->functions = find_functions(*loaded->component, loaded->contract);
    auto linker = link_imports(*loaded->component, *core_->engine());
    if (!linker) return std::unexpected(linker.error());
    loaded->linker = std::move(*linker);
    return loaded;
  }

  // From the cache, or compiled now and kept there.
  base::Result<ComponentHandle> compile(const std::string& name, const std::string& digest, std::string_view bytes) {
    if (const auto artifact = cache_.find(digest)) {
      auto component = core_->deserialize(*artifact);
      if (component) return component;
      base::log::warn("a compiled module in the cache is of another engine; it is compiled again",
                      {{"reason", component.error().message}});
      cache_.forget(digest);
    }
    if (options_.log_compiling) {
      base::log::info("compiling module, which happens once",
                      {{"module", name}, {"kept_in", options_.cache_folder.string()}});
    }
    return options_.compiler_program.empty() ? compile_here(digest, bytes) : compile_apart(digest, bytes);
  }

  base::Result<ComponentHandle> compile_here(const std::string& digest, std::string_view bytes) {
    auto component = core_->compile(bytes);
    if (!component) return component;
    ByteVector artifact;
    if (ErrorHandle(wasmtime_component_serialize(component->get(), artifact.get())) == nullptr) {
      cache_.keep(digest, artifact.view());
    }
    return component;
  }

  base::Result<ComponentHandle> compile_apart(const std::string& digest, std::string_view bytes) {
    const auto artifact = compiler_.compile(bytes);
    if (!artifact) return std::unexpected(artifact.error());
    auto component = core_->deserialize(*artifact);
    if (!component) return fail(Code::internal, "the compiler's answer cannot be used: " + component.error().message);
    cache_.keep(digest, *artifact);
    return component;
  }

  const std::shared_ptr<const EngineCore> core_;
  const EngineOptions options_;
  const ArtifactCache cache_;
  Compiler compiler_;
};

}  // namespace

base::Result<std::unique_ptr<Engine>> make_wasmtime_engine(const EngineOptions& options) {
  auto core = EngineCore::start();
  if (!core) return std::unexpected(core.error());
  return std::make_unique<WasmtimeEngine>(std::move(*core), options);
}

}  // namespace thalo::wasm
