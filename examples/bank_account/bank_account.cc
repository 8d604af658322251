// A bank account: opened once, never overdrawn. Money is counted in whole cents.
#include <thalo/aggregate.h>

// Commands.
struct OpenAccount {
  std::string owner;
  std::optional<std::uint64_t> initial_cents;
};
struct DepositFunds {
  std::uint64_t cents;
};
struct WithdrawFunds {
  std::uint64_t cents;
};

// Events.
struct AccountOpened {
  std::string owner;
  std::uint64_t initial_cents;
};
struct FundsDeposited {
  std::uint64_t cents;
};
struct FundsWithdrawn {
  std::uint64_t cents;
};

// Errors.
struct AccountAlreadyOpen {};
struct AccountNotOpen {};
struct InvalidAmount {
  std::uint64_t cents;
};
struct InsufficientFunds {
  std::uint64_t balance_cents;
  std::uint64_t cents;
};

struct BankAccount {
  using Command = std::variant<OpenAccount, DepositFunds, WithdrawFunds>;
  using Event = std::variant<AccountOpened, FundsDeposited, FundsWithdrawn>;

  // A busy account has many events: with a snapshot the runtime need not replay them all.
  static constexpr std::string_view snapshot_format = "bank-account-1";

  bool open = false;
  std::string owner;
  std::uint64_t balance_cents = 0;

  auto handle(const OpenAccount& command) const -> thalo::Result<Event> {
    if (open) return thalo::reject(AccountAlreadyOpen{});
    return AccountOpened{command.owner, command.initial_cents.value_or(0)};
  }

  auto handle(const DepositFunds& command) const -> thalo::Result<Event> {
    if (!open) return thalo::reject(AccountNotOpen{});
    // Nothing, or more than the account can count.
    if (command.cents == 0 || command.cents > UINT64_MAX - balance_cents)
      return thalo::reject(InvalidAmount{command.cents});
    return FundsDeposited{command.cents};
  }

  auto handle(const WithdrawFunds& command) const -> thalo::Result<Event> {
    if (!open) return thalo::reject(AccountNotOpen{});
    if (command.cents == 0) return thalo::reject(InvalidAmount{command.cents});
    if (command.cents > balance_cents) return thalo::reject(InsufficientFunds{balance_cents, command.cents});
    return FundsWithdrawn{command.cents};
  }

  void apply(const AccountOpened& event) {
    open = true;
    owner = event.owner;
    balance_cents = event.initial_cents;
  }
  void apply(const FundsDeposited& event) { balance_cents += event.cents; }
  void apply(const FundsWithdrawn& event) { balance_cents -= event.cents; }
};

THALO_EXPORT(BankAccount)
