#include "wasm/type_text.h"

#include <string_view>

namespace thalo::wasm {
namespace {

constexpr std::size_t size_bytes_max = 4096;

// Owns the inner type that a C function hands out.
class ValueType {
 public:
  ValueType() = default;
  ValueType(const ValueType&) = delete;
  ValueType& operator=(const ValueType&) = delete;
  ~ValueType() {
    if (filled_) wasmtime_component_valtype_delete(&type_);
  }
  wasmtime_component_valtype_t* get() { return &type_; }
  bool set(bool found) { return filled_ = found; }
  const wasmtime_component_valtype_t& operator*() const { return type_; }

 private:
  wasmtime_component_valtype_t type_{};
  bool filled_ = false;
};

class Writer {
 public:
  void function(const wasmtime_component_func_type_t* function) {
    out_ += wasmtime_component_func_type_async(function) ? "async func(" : "func(";
    const std::size_t count = wasmtime_component_func_type_param_count(function);
    for (std::size_t i = 0; i < count && !full(); ++i) {
      const char* name = nullptr;
      std::size_t size = 0;
      ValueType type;
      if (!type.set(wasmtime_component_func_type_param_nth(function, i, &name, &size, type.get()))) break;
      named(i, {name, size}, *type);
    }
    out_ += ')';
    ValueType result;
    if (result.set(wasmtime_component_func_type_result(function, result.get()))) {
      out_ += " -> ";
      value(*result);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  bool full() const { return out_.size() > size_bytes_max; }

  void named(std::size_t index, std::string_view name, const wasmtime_component_valtype_t& type) {
    if (index > 0) out_ += ", ";
    out_.append(name).append(": ");
    value(type);
  }

  void value(const wasmtime_component_valtype_t& type) {
    if (full()) return;
    switch (type.kind) {
      case WASMTIME_COMPONENT_VALTYPE_LIST:
        return list(type.of.list);
      case WASMTIME_COMPONENT_VALTYPE_RECORD:
        return record(type.of.record);
      case WASMTIME_COMPONENT_VALTYPE_TUPLE:
        return tuple(type.of.tuple);
      case WASMTIME_COMPONENT_VALTYPE_VARIANT:
        return variant(type.of.variant);
      case WASMTIME_COMPONENT_VALTYPE_OPTION:
        return option(type.of.option);
      case WASMTIME_COMPONENT_VALTYPE_RESULT:
        return result(type.of.result);
      default:
        out_ += plain_name(type.kind);
    }
  }

  static std::string_view plain_name(wasmtime_component_valtype_kind_t kind) {
    static constexpr std::string_view names[] = {"bool", "s8",  "s16", "s32", "s64",  "u8",    "u16",
                                                 "u32",  "u64", "f32", "f64", "char", "string"};
    if (kind < std::size(names)) return names[kind];
    switch (kind) {
      case WASMTIME_COMPONENT_VALTYPE_ENUM:
        return "enum";
      case WASMTIME_COMPONENT_VALTYPE_FLAGS:
        return "flags";
      case WASMTIME_COMPONENT_VALTYPE_OWN:
        return "own<resource>";
      case WASMTIME_COMPONENT_VALTYPE_BORROW:
        return "borrow<resource>";
      default:
        return "another type";
    }
  }

  void list(const wasmtime_component_list_type_t* type) {
    ValueType element;
    wasmtime_component_list_type_element(type, element.get());
    element.set(true);
    out_ += "list<";
    value(*element);
    out_ += '>';
  }

  void record(const wasmtime_component_record_type_t* type) {
    out_ += "record {";
    const std::size_t count = wasmtime_component_record_type_field_count(type);
    for (std::size_t i = 0; i < count && !full(); ++i) {
      const char* name = nullptr;
      std::size_t size = 0;
      ValueType field;
      if (!field.set(wasmtime_component_record_type_field_nth(type, i, &name, &size, field.get()))) break;
      named(i, {name, size}, *field);
    }
    out_ += '}';
  }

  void tuple(const wasmtime_component_tuple_type_t* type) {
    out_ += "tuple<";
    const std::size_t count = wasmtime_component_tuple_type_types_count(type);
    for (std::size_t i = 0; i < count && !full(); ++i) {
      ValueType item;
      if (!item.set(wasmtime_component_tuple_type_types_nth(type, i, item.get()))) break;
      if (i > 0) out_ += ", ";
      value(*item);
    }
    out_ += '>';
  }

  void variant(const wasmtime_component_variant_type_t* type) {
    out_ += "variant {";
    const std::size_t count = wasmtime_component_variant_type_case_count(type);
    for (std::size_t i = 0; i < count && !full(); ++i) {
      const char* name = nullptr;
      std::size_t size = 0;
      bool has_payload = false;
      ValueType payload;
      if (!wasmtime_component_variant_type_case_nth(type, i, &name, &size, &has_payload, payload.get())) break;
      payload.set(has_payload);
      if (i > 0) out_ += ", ";
      out_.append(name, size);
      if (!has_payload) continue;
      out_ += '(';
      value(*payload);
      out_ += ')';
    }
    out_ += '}';
  }

  void option(const wasmtime_component_option_type_t* type) {
    ValueType inner;
    wasmtime_component_option_type_ty(type, inner.get());
    inner.set(true);
    out_ += "option<";
    value(*inner);
    out_ += '>';
  }

  void result(const wasmtime_component_result_type_t* type) {
    ValueType ok;
    ValueType error;
    const bool has_ok = ok.set(wasmtime_component_result_type_ok(type, ok.get()));
    const bool has_error = error.set(wasmtime_component_result_type_err(type, error.get()));
    out_ += "result<";
    if (has_ok) value(*ok);
    if (!has_ok) out_ += '_';
    out_ += ", ";
    if (has_error) value(*error);
    if (!has_error) out_ += '_';
    out_ += '>';
  }

  std::string out_;
};

}  // namespace

std::string type_text(const wasmtime_component_func_type_t* function) {
  Writer writer;
  writer.function(function);
  return writer.take();
}

}  // namespace thalo::wasm
