// The held-out part's sentences and names; see pool_train.cpp.
#include "temper/world/env/pii/pool.h"

namespace temper::env::pii {
namespace {

constexpr std::string_view kOpeners[] = {
    "Hi there!",         "Good afternoon!",  "To whom it may concern:",
    "A short reminder:", "Dear colleagues!", "As discussed:"};

constexpr std::string_view kSentences[] = {
    "{name} asked us to (send|mail) the papers to {email}.",
    "Ring {first} on {phone} after {time}.",
    "The best number for {name} is {phone}.",
    "For questions (write|send a message) to {email}.",
    "{name} moved from {city} to {address}.",
    "Deliver the {product} to {address} on {weekday}.",
    "The house at {address} was sold for {amount}.",
    "{first} turned {number} on {date}.",
    "The order dates from {date} and is worth {amount}.",
    "{name}, born {date}, applied for the job.",
    "We charged {amount} to the card {card} on {date}.",
    "Is {card} still your card number?",
    "The payment from account {account} has not arrived.",
    "{name} opened account {account} in {city}.",
    "{first} travels with passport {passport}.",
    "The passport number {passport} does not match.",
    "Social security number: {ssn}.",
    "We have {ssn} as the social security number of {name}.",
    "{name} joined {company} on {date}.",
    "The manager at {company} is {name}.",
    "{first} is on holiday until {weekday}, so ask {first}.",
    "{name} wants to (exchange|sell) the {product}.",
    "I met {name} in {city} at {time}.",
    "Leave the parcel with {first} at {address}.",
    "Confirm the booking with {name} at {email}.",
    "The user {email} wrote {number} reviews.",
    "Someone called from {phone} and asked for {first}.",
    "Please change my phone number to {phone}.",
    "{first} signed the papers on {date} at {time}.",
    "The bill for {name} is {amount}.",
    "{name} and {name} share the office in {city}.",
    "Contact: {name}, {phone}, {email}.",
    "Applicant: {name}, passport {passport}.",
    "Employee {name}, SSN {ssn}, started on {date}.",
    "Please send {amount} to account {account} by {weekday}.",
    "My wife {first} uses the card {card} too.",
    "The doctor saw {name} on {date}.",
    "{first} bought the {product} for {amount}.",
    "Kind regards, {name}",
    "You will find {name} at {address}.",
    "The claim of {name} was filed on {date}.",
    "Is {email} the right address for {first}?",
    "Invite {first} and {name} to the {weekday} call.",
    "The parcel from {company} was left at {address}.",
    "I have lived at {address} for {number} years.",
};

constexpr std::string_view kPlain[] = {
    "The {product} costs {amount} this week.",
    "Trains from {city} are late on {weekday}.",
    "{company} has {number} offices.",
    "The shop closes at {time}.",
    "We need {number} chairs for the meeting.",
    "The weather in {city} was fine.",
    "{company} repaired the {product} for free.",
    "The new plan saves {amount} a month.",
    "Breakfast starts at {time}.",
    "Your ticket is still open.",
};

constexpr std::string_view kFirst[] = {
    "Margaret", "Luis",   "Deepa",  "Oliver", "Zainab",  "Philip", "Elena",  "Henry",
    "Haruto",   "Walter", "Yasmin", "Nathan", "Alice",   "Tariq",  "Janet",  "Kyle",
    "Irina",    "Gavin",  "Farah",  "Edward", "Beatriz", "Miguel", "Ingrid", "Joshua",
    "Pamela",   "Isaac",  "Camila", "Declan", "Mei",     "Tracy"};

constexpr std::string_view kLast[] = {
    "Whitaker", "Herrera", "Iyer",      "Vogel",    "Siddiqui", "Horvat",  "Bianchi",  "Sanders",
    "Suzuki",   "Tran",    "Ellison",   "Costa",    "Goldberg", "Doyle",   "Sokolov",  "Nilsson",
    "Harrison", "Vargas",  "Schneider", "Fletcher", "Mansour",  "Navarro", "Crawford", "Nowak",
    "Brandt",   "Adeyemi", "Wheeler",   "Laurent",  "Madsen",   "Desai"};

constexpr std::string_view kStreets[] = {
    "Willow Street",  "Birch Avenue",   "Meadow Lane", "Castle Road", "Harbour Drive",
    "Orchard Street", "Lincoln Avenue", "School Lane", "Ridge Road",  "Valley Drive"};

constexpr std::string_view kCities[] = {"Austin",  "Phoenix", "Glasgow",   "Omaha",
                                        "Cardiff", "Atlanta", "Vancouver", "Norwich"};

constexpr std::string_view kDomains[] = {"mailstone.com", "webletter.net", "openpost.org",
                                         "skyoffice.com", "riverbox.io",   "trueinbox.net"};

constexpr std::string_view kCompanies[] = {"Lakeside Power", "Falcon Logistics", "Crestview Bank",
                                           "Maplewood Hotels", "Quantum Systems"};

constexpr std::string_view kProducts[] = {"tablet",         "dishwasher", "Novix watch",
                                          "vacuum cleaner", "camera",     "office chair"};

constexpr std::string_view kPhones[] = {"415.555.01##", "1-602-555-01##", "(512) 555-01##",
                                        "+1 702 555 01##", "614-555-01##"};
constexpr std::string_view kAccounts[] = {"5########", "6########", "7###-######", "80########"};
constexpr std::string_view kPassports[] = {"K#######", "L########", "N########"};
constexpr std::string_view kSsns[] = {"95#-##-####", "96#-##-####", "97#-##-####"};
constexpr std::string_view kCards[] = {"4716 #### #### ####", "5432-####-####-####"};
constexpr std::string_view kDates[] = {"M D, Y", "D M Y", "Y-m-d"};

}  // namespace

const Pool& held_out_pool() {
  static const Pool pool = {.openers = kOpeners,
                            .sentences = kSentences,
                            .plain = kPlain,
                            .first_names = kFirst,
                            .last_names = kLast,
                            .streets = kStreets,
                            .cities = kCities,
                            .domains = kDomains,
                            .companies = kCompanies,
                            .products = kProducts,
                            .phones = kPhones,
                            .accounts = kAccounts,
                            .passports = kPassports,
                            .ssns = kSsns,
                            .cards = kCards,
                            .dates = kDates,
                            .first_year = 1950};
  return pool;
}

const Pool& pool(Split split) {
  return split == Split::Train ? train_pool() : held_out_pool();
}

}  // namespace temper::env::pii
