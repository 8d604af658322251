/* A bank account: opened once, never overdrawn. Money is counted in whole cents. */
#include <stdlib.h>
#include <thalo.h>

typedef struct {
  bool open;
  thalo_text owner;
  uint64_t balance_cents;
} BankAccount;

static void reject_amount(thalo_answer *answer, uint64_t cents) {
  thalo_reject(answer, "InvalidAmount");
  thalo_put_u64(answer, "cents", cents);
}

static void emit_cents(thalo_answer *answer, const char *event, uint64_t cents) {
  thalo_emit(answer, event);
  thalo_put_u64(answer, "cents", cents);
}

static void open_account(const BankAccount *account, const thalo_message *command, thalo_answer *answer) {
  const thalo_text owner = thalo_string(command, "owner");
  const uint64_t cents = thalo_has(command, "initial_cents") ? thalo_u64(command, "initial_cents") : 0;
  if (account->open) {
    thalo_reject(answer, "AccountAlreadyOpen");
    return;
  }
  thalo_emit(answer, "AccountOpened");
  thalo_put_string(answer, "owner", owner);
  thalo_put_u64(answer, "initial_cents", cents);
}

static void deposit(const BankAccount *account, uint64_t cents, thalo_answer *answer) {
  if (!account->open) {
    thalo_reject(answer, "AccountNotOpen");
  } else if (cents == 0 || cents > UINT64_MAX - account->balance_cents) {
    /* Nothing, or more than the account can count. */
    reject_amount(answer, cents);
  } else {
    emit_cents(answer, "FundsDeposited", cents);
  }
}

static void withdraw(const BankAccount *account, uint64_t cents, thalo_answer *answer) {
  if (!account->open) {
    thalo_reject(answer, "AccountNotOpen");
  } else if (cents == 0) {
    reject_amount(answer, cents);
  } else if (cents > account->balance_cents) {
    thalo_reject(answer, "InsufficientFunds");
    thalo_put_u64(answer, "balance_cents", account->balance_cents);
    thalo_put_u64(answer, "cents", cents);
  } else {
    emit_cents(answer, "FundsWithdrawn", cents);
  }
}

static void handle(const void *state, const thalo_message *command, const thalo_context *context, thalo_answer *answer) {
  const BankAccount *account = state;
  (void)context;
  if (thalo_is(command, "OpenAccount")) {
    open_account(account, command, answer);
  } else if (thalo_is(command, "DepositFunds")) {
    deposit(account, thalo_u64(command, "cents"), answer);
  } else if (thalo_is(command, "WithdrawFunds")) {
    withdraw(account, thalo_u64(command, "cents"), answer);
  }
}

static void set_owner(BankAccount *account, thalo_text owner) {
  free((void *)account->owner.data);
  account->owner = thalo_copy(owner);
}

static void apply(void *state, const thalo_message *event) {
  BankAccount *account = state;
  if (thalo_is(event, "AccountOpened")) {
    account->open = true;
    set_owner(account, thalo_string(event, "owner"));
    account->balance_cents = thalo_u64(event, "initial_cents");
  } else if (thalo_is(event, "FundsDeposited")) {
    account->balance_cents += thalo_u64(event, "cents");
  } else if (thalo_is(event, "FundsWithdrawn")) {
    account->balance_cents -= thalo_u64(event, "cents");
  }
}

static void destroy(void *state) { free((void *)((BankAccount *)state)->owner.data); }

static void snapshot(const void *state, thalo_answer *out) {
  const BankAccount *account = state;
  thalo_put_bool(out, "open", account->open);
  thalo_put_string(out, "owner", account->owner);
  thalo_put_u64(out, "balance_cents", account->balance_cents);
}

static void restore(void *state, const thalo_message *in) {
  BankAccount *account = state;
  account->open = thalo_bool(in, "open");
  set_owner(account, thalo_string(in, "owner"));
  account->balance_cents = thalo_u64(in, "balance_cents");
}

const thalo_aggregate bank_account = {
    .size = sizeof(BankAccount),
    .handle = handle,
    .apply = apply,
    .destroy = destroy,
    /* A busy account has many events: with a snapshot the runtime need not replay them all. */
    .snapshot_format = "bank-account-1",
    .snapshot = snapshot,
    .restore = restore,
};

THALO_EXPORT(bank_account)
