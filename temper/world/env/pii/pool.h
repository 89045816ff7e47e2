// What the texts of pii_masking are made of. The training and the held-out pool share no sentence,
// no name, street, city, domain, company or product, and their numbers begin differently.
#pragma once

#include <span>
#include <string_view>

#include "temper/world/env/environment.h"

namespace temper::env::pii {

using Words = std::span<const std::string_view>;

/// Sentences hold slots and choices: `(Please|Kindly) call {name}.` Slots for personal information
/// are {name} {first} {email} {phone} {address} {date} {card} {account} {passport} {ssn}; the
/// others, {company} {product} {city} {weekday} {time} {amount} {number}, stay as they are. In
/// number formats each # is a digit.
struct Pool {
  Words openers;    ///< short, without slots; one text in eight begins with one
  Words sentences;  ///< with personal information
  Words plain;      ///< without
  Words first_names, last_names, streets, cities, domains, companies, products;
  Words phones, accounts, passports, ssns;  ///< formats
  Words cards;                              ///< formats of 16 digits, the last of which is Luhn's
  Words dates;                              ///< with Y, M (name), D, and two-digit m and d
  int first_year;  ///< of every second year to 2024; odd for training, even for held-out
};
const Pool& pool(Split split);

/// The pool with the first `share` (above 0, at most 1) of its sentences, names, streets, cities,
/// companies and products; at least two of each. Formats stay whole.
Pool part_of(const Pool& pool, double share);

const Pool& train_pool();
const Pool& held_out_pool();

}  // namespace temper::env::pii
