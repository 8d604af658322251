/* The account's rules, natively: no runtime, no WebAssembly. */
#include "bank_account.c"

#include <thalo_test.h>

#define MOST "18446744073709551615"

int main(void) {
  /* Does nothing before it is open. */
  thalo_given(&bank_account);
  thalo_when("DepositFunds", "{\"cents\":1}");
  thalo_then_rejected("{\"type\":\"AccountNotOpen\"}");
  thalo_when("WithdrawFunds", "{\"cents\":1}");
  thalo_then_rejected("{\"type\":\"AccountNotOpen\"}");

  /* Opens once. */
  thalo_when("OpenAccount", "{\"owner\":\"Ann\"}");
  thalo_then("AccountOpened {\"owner\":\"Ann\",\"initial_cents\":0}");
  thalo_when("OpenAccount", "{\"owner\":\"Bob\"}");
  thalo_then_rejected("{\"type\":\"AccountAlreadyOpen\"}");
  thalo_given(&bank_account);
  thalo_when("OpenAccount", "{\"owner\":\"Ann\",\"initial_cents\":500}");
  thalo_then("AccountOpened {\"owner\":\"Ann\",\"initial_cents\":500}");

  /* Refuses amounts that are none. */
  thalo_when("DepositFunds", "{\"cents\":0}");
  thalo_then_rejected("{\"type\":\"InvalidAmount\",\"cents\":0}");
  thalo_when("WithdrawFunds", "{\"cents\":0}");
  thalo_then_rejected("{\"type\":\"InvalidAmount\",\"cents\":0}");
  thalo_when("DepositFunds", "{\"cents\":" MOST "}");
  thalo_then_rejected("{\"type\":\"InvalidAmount\",\"cents\":" MOST "}");

  /* Is never overdrawn, and counts what comes and goes. */
  thalo_when("WithdrawFunds", "{\"cents\":501}");
  thalo_then_rejected("{\"type\":\"InsufficientFunds\",\"balance_cents\":500,\"cents\":501}");
  thalo_when("WithdrawFunds", "{\"cents\":200}");
  thalo_then("FundsWithdrawn {\"cents\":200}");
  thalo_when("DepositFunds", "{\"cents\":7}");
  thalo_then("FundsDeposited {\"cents\":7}");
  thalo_check_state(BankAccount, state->balance_cents == 307 && thalo_equal(state->owner, thalo_c_string("Ann")));
  return thalo_end();
}
