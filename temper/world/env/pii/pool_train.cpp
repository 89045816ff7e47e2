// The training part's sentences and names. All persons, firms and addresses are made up; telephone
// numbers are from the range kept for fiction.
#include "temper/world/env/pii/pool.h"

namespace temper::env::pii {
namespace {

constexpr std::string_view kOpeners[] = {"Hi team!",
                                         "Hello!",
                                         "Good morning!",
                                         "Quick note:",
                                         "Dear support,",
                                         "For your records:",
                                         "Just to confirm:",
                                         "Thanks for your message.",
                                         "Update on this case:",
                                         "Internal memo:"};

constexpr std::string_view kSentences[] = {
    "(Please|Kindly) call {name} at {phone} before {time}.",
    "{name} can be reached at {email}.",
    "You can (write to|contact) {first} at {email} for more details.",
    "My name is {name} and I (live at|moved to) {address}.",
    "The package for {name} should go to {address}.",
    "Our new {product} was ordered by {name} last {weekday}.",
    "{name} was born on {date}.",
    "Date of birth: {date}.",
    "The card number {card} was charged {amount}.",
    "I paid {amount} with my card {card}.",
    "Please refund {amount} to account {account}.",
    "Her account number is {account}.",
    "His passport number is {passport} and it expires on {date}.",
    "Passport {passport} was issued to {name}.",
    "The social security number on the form is {ssn}.",
    "{name} gave {ssn} as the social security number.",
    "Send the invoice to {email} by {weekday}.",
    "The invoice of {date} is still open.",
    "We spoke with {first} on {date} about the {product}.",
    "If nobody answers, try {phone} (instead|again).",
    "Customer: {name}, phone: {phone}.",
    "Customer: {name}, e-mail: {email}.",
    "Name: {name}. Address: {address}.",
    "Ship (it|everything) to {address}, please.",
    "{first} and {first} will meet us in {city} on {weekday}.",
    "The lease was signed by {name} on {date}.",
    "{name} will see you at {time} on {weekday}.",
    "Your appointment with {name} is on {date} at {time}.",
    "{company} hired {name} as a (designer|driver|clerk).",
    "{name} works for {company} in {city}.",
    "I forgot my password, my login is {email}.",
    "The login {email} has been locked since {date}.",
    "A call from {phone} came in at {time}.",
    "My old number was {phone}, the new one is {phone}.",
    "Please update my address to {address}.",
    "She lives at {address} with {number} cats.",
    "Transfer {amount} from account {account} to account {account}.",
    "The account {account} belongs to {name}.",
    "For the visa we need passport {passport} and a photo.",
    "{first} lost a passport with the number {passport}.",
    "Can you (ask|remind) {first} to call me back at {phone}?",
    "Did {name} (receive|return) the {product}?",
    "{first}'s new e-mail is {email}.",
    "{name}'s order of {number} items arrived on {weekday}.",
    "The contract between {company} and {name} ends on {date}.",
    "On {date} we delivered a {product} to {address}.",
    "Report to {name} when you (arrive in|leave) {city}.",
    "Tax form: {name}, SSN {ssn}.",
    "The patient, {name}, was admitted on {date}.",
    "In an emergency call {first} at {phone}.",
    "Copy {email} and {email} on your reply.",
    "The tenant at {address} owes {amount}.",
    "{name} booked {number} seats for the {weekday} show.",
    "I am {first} and I would like to return my {product}.",
    "This is {name} from {company}.",
    "My card {card} was stolen in {city}.",
    "Block the card {card} (now|at once), please.",
    "The receipt shows card {card} and the date {date}.",
    "We could not verify the number {ssn}.",
    "HR needs your social security number, is it {ssn}?",
    "{name} will (pick up|collect) the keys from {address}.",
    "The meeting with {first} moved to {time}.",
    "Forward the file to {first} at {email} today.",
    "Text me at {phone} when the {product} is ready.",
    "My daughter {first} was born on {date}.",
    "The student {name} scored {number} points.",
    "{name} reported the (loss|theft) on {date}.",
    "A refund of {amount} went to {name} on {weekday}.",
    "The witness gave the name {name} and the number {phone}.",
    "Book a room for {name}, passport {passport}.",
    "The guest in room {number} is {name}.",
    "Our driver {first} will wait at {address}.",
    "Mail the cheque to {name}, {address}.",
    "Thanks for the help with my {product}, {first}!",
    "Best regards, {name}",
    "You may reach my assistant {first} at {phone} or {email}.",
    "Salary for {name} goes to account {account}.",
    "The insurance of {name} ended on {date}.",
    "Please add {email} to the {weekday} list.",
    "{company} sent {number} letters to {address}.",
    "The warranty for the {product} runs until {date}.",
    "{first} asked {company} for a loan of {amount}.",
    "The nurse noted that {name} slept until {time}.",
    "Our records list {name} at {address}, phone {phone}.",
    "Direct debit of {amount} from account {account} failed on {date}.",
};

constexpr std::string_view kPlain[] = {
    "The {product} is out of stock until {weekday}.",
    "Our office in {city} opens at {time}.",
    "{company} raised its prices by {number} percent.",
    "Shipping costs {amount} for all orders.",
    "The train to {city} leaves at {time}.",
    "I would like to return {number} items.",
    "Please restart the {product} and try again.",
    "The meeting on {weekday} is cancelled.",
    "We sold {number} units of the {product} last month.",
    "The budget for {city} is {amount}.",
    "It rained in {city} for {number} days.",
    "{company} will open a new store in {city}.",
    "Lunch is served from {time} on {weekday}.",
    "All prices include tax and delivery.",
    "The manual of the {product} has {number} pages.",
    "Nobody has answered my question so far.",
    "There are {number} people in the queue.",
    "The total comes to {amount}.",
    "Parking is free after {time}.",
    "{company} makes the {product}.",
};

constexpr std::string_view kFirst[] = {
    "Ellen",   "Carlos",  "Priya",   "Thomas",    "Aisha",   "Peter",  "Maria",   "James",
    "Yuki",    "Robert",  "Fatima",  "Daniel",    "Laura",   "Ahmed",  "Susan",   "Kevin",
    "Olga",    "Brian",   "Nadia",   "George",    "Helen",   "Diego",  "Anna",    "Michael",
    "Linda",   "Samuel",  "Julia",   "Patrick",   "Wei",     "Karen",  "Ivan",    "Sophie",
    "Martin",  "Rachel",  "Jorge",   "Emily",     "Stefan",  "Ruth",   "Dennis",  "Claire",
    "Omar",    "Teresa",  "Andrew",  "Monica",    "Paul",    "Leila",  "Steven",  "Barbara",
    "Hassan",  "Nicole",  "Eric",    "Sandra",    "Victor",  "Amy",    "Gregory", "Lucia",
    "Simon",   "Hannah",  "Raj",     "Deborah",   "Adam",    "Agnes",  "Albert",  "Alexei",
    "Alfred",  "Alina",   "Amara",   "Amelia",    "Amir",    "Anders", "Andrea",  "Angela",
    "Anita",   "Anton",   "Antonio", "Arjun",     "Arthur",  "Astrid", "Axel",    "Bashir",
    "Beata",   "Ben",     "Bianca",  "Boris",     "Bruno",   "Caleb",  "Carla",   "Catherine",
    "Cecilia", "Charles", "Chloe",   "Christine", "Clara",   "Connor", "Cora",    "Cyrus",
    "Damian",  "Dario",   "David",   "Dora",      "Dylan",   "Edith",  "Eduardo", "Eleanor",
    "Elias",   "Emma",    "Enzo",    "Erica",     "Esther",  "Eva",    "Felix",   "Fiona",
    "Frank",   "Frida",   "Gabriel", "Georgia",   "Gerald",  "Gloria", "Grace",   "Greta",
    "Gustav",  "Harold",  "Harriet", "Hector",    "Heidi",   "Hiro",   "Hugo",    "Ibrahim",
    "Ida",     "Igor",    "Imran",   "Ines",      "Iris",    "Jack",   "Jacob",   "Jana",
    "Jasmin",  "Jason",   "Javier",  "Jerome",    "Joan",    "Joel",   "Jonas",   "Josef",
    "Kamal",   "Katya",   "Keith",   "Kenji",     "Kim",     "Lars",   "Layla",   "Leon",
    "Lena",    "Leonard", "Liam",    "Lisa",      "Lorenzo", "Luca",   "Lydia",   "Magnus",
    "Malik",   "Marcus",  "Marta",   "Matteo",    "Maya",    "Megan",  "Mila",    "Mohammed",
    "Nina",    "Noah",    "Nora",    "Pablo",     "Pedro",   "Petra",  "Rafael",  "Rosa",
    "Ryan",    "Sanjay",  "Sara",    "Sofia",     "Sven",    "Tara",   "Tobias",  "Valentina",
    "Vera",    "Vincent", "Yara",    "Zoe"};

constexpr std::string_view kLast[] = {
    "Marshall", "Gomez",     "Sharma",   "Becker",    "Khan",     "Novak",    "Rossi",
    "Carter",   "Tanaka",    "Nguyen",   "Hughes",    "Silva",    "Cohen",    "Murphy",
    "Petrov",   "Andersson", "Clark",    "Ramirez",   "Schmidt",  "Walker",   "Haddad",
    "Lopez",    "Bennett",   "Kowalski", "Fischer",   "Okafor",   "Turner",   "Moreau",
    "Jensen",   "Patel",     "Reynolds", "Castillo",  "Wagner",   "Foster",   "Yamamoto",
    "Bailey",   "Romano",    "Farouk",   "Coleman",   "Lindgren", "Sullivan", "Ortega",
    "Weber",    "Simmons",   "Ivanov",   "Peterson",  "Delgado",  "Chambers", "Hoffman",
    "Mbeki",    "Watson",    "Fuentes",  "Keller",    "Dawson",   "Santos",   "Griffin",
    "Larsen",   "Perkins",   "Mendez",   "Brooks",    "Abbott",   "Aguilar",  "Ali",
    "Alvarez",  "Amari",     "Arnold",   "Baker",     "Banerjee", "Barnes",   "Bauer",
    "Berg",     "Bianco",    "Blake",    "Bloom",     "Bosch",    "Bradley",  "Bruno",
    "Burke",    "Byrne",     "Cameron",  "Campos",    "Chan",     "Chaudhry", "Chen",
    "Cole",     "Conti",     "Cooper",   "Cruz",      "Dahl",     "Daniels",  "Das",
    "Diaz",     "Dubois",    "Duncan",   "Edwards",   "Ellis",    "Eriksson", "Farrell",
    "Ferrari",  "Fleming",   "Flores",   "Francis",   "Franklin", "Frost",    "Fuchs",
    "Garcia",   "Gibson",    "Gill",     "Grant",     "Greco",    "Gupta",    "Haas",
    "Hansen",   "Hart",      "Hayes",    "Hernandez", "Holm",     "Howell",   "Huang",
    "Ibarra",   "Ito",       "Jacobs",   "Johansson", "Kaplan",   "Kato",     "Kaur",
    "Keane",    "Khalil",    "Kim",      "Klein",     "Koch",     "Kumar",    "Lam",
    "Lang",     "Lee",       "Lind",     "Lombardi",  "Lowe",     "Lund",     "Maier",
    "Malik",    "Mancini",   "Marino",   "Mason",     "Meyer",    "Miller",   "Molina",
    "Morales",  "Moreno",    "Mueller",  "Nair",      "Nakamura", "Nash",     "Nielsen",
    "Obi",      "Olsen",     "Osman",    "Owens",     "Palmer",   "Park",     "Pena",
    "Pereira",  "Popov",     "Price",    "Quinn",     "Rahman",   "Reed",     "Richter",
    "Rivera",   "Roth",      "Ruiz",     "Sato",      "Saunders", "Shah",     "Singh",
    "Stone",    "Suarez",    "Sutton",   "Thorne",    "Vega",     "Volkov",   "Wallace",
    "Ward",     "Weiss",     "Wolf",     "Wong",      "Wright",   "Young",    "Zhang"};

constexpr std::string_view kStreets[] = {
    "Maple Street",      "Oak Avenue",    "Cedar Lane",      "Park Road",     "River Street",
    "Church Lane",       "Station Road",  "Highland Avenue", "Sunset Drive",  "Mill Road",
    "Washington Avenue", "Elm Street",    "Garden Lane",     "Bridge Street", "Victoria Road",
    "Lake Drive",        "Forest Avenue", "Market Street",   "Spring Lane",   "Chestnut Drive"};

constexpr std::string_view kCities[] = {"Boston",  "Denver",    "Chicago",   "Leeds",   "Portland",
                                        "Madison", "Toronto",   "Dublin",    "Houston", "Bristol",
                                        "Seattle", "Nashville", "Sheffield", "Tampa",   "Oakland"};

constexpr std::string_view kDomains[] = {
    "northmail.com",  "inboxly.net",     "quickpost.org", "bluepeak.com", "mailharbor.com",
    "fastletter.net", "greenoffice.org", "cityweb.com",   "postwave.io",  "homebase.net"};

constexpr std::string_view kCompanies[] = {
    "Brightline Energy", "Acorn Insurance",  "Nordic Freight", "Silverlake Bank",
    "Pinewood Hotels",   "Vertex Software",  "Harbor Foods",   "Summit Telecom",
    "Redstone Motors",   "Clearwater Clinic"};

constexpr std::string_view kProducts[] = {"laptop",  "washing machine", "Zenix phone", "bicycle",
                                          "printer", "coffee maker",    "OrbitCam",    "desk lamp",
                                          "router",  "Trailmax tent"};

constexpr std::string_view kPhones[] = {"(212) 555-01##", "312-555-01##", "+1 617 555 01##",
                                        "(404) 555-01##", "503-555-01##", "+1 713 555 01##",
                                        "(919) 555-01##", "206-555-01##", "+1 305 555 01##"};
constexpr std::string_view kAccounts[] = {"1#######", "2#######", "30########", "4###-######"};
constexpr std::string_view kPassports[] = {"A########", "C########", "E########", "G#######"};
constexpr std::string_view kSsns[] = {"90#-##-####", "91#-##-####", "92#-##-####", "93#-##-####"};
constexpr std::string_view kCards[] = {"4539 #### #### ####", "5204 #### #### ####",
                                       "4024############"};
constexpr std::string_view kDates[] = {"M D, Y", "D M Y", "m/d/Y"};

}  // namespace

const Pool& train_pool() {
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
                            .first_year = 1951};
  return pool;
}

}  // namespace temper::env::pii
