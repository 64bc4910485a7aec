#include "formats/npy/npy_header.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "arrow/util/utf8.h"
#include "base/endian.h"
#include "formats/npy/python_literal.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

using Kind = PythonLiteral::Kind;

constexpr uint64_t kNpyAlignment = 64;

arrow::Status BadHeader(const std::string& what) {
  return MakeError(ErrorCode::kDamaged, "its header has " + what);
}

arrow::Status UnknownType(const std::string& descr) {
  if (descr.find('O') != std::string::npos) {
    return MakeError(ErrorCode::kNotSupported,
                     "it holds Python objects (dtype object), which only unpickling could read; "
                     "pickles are not read, since they can run code");
  }
  return MakeError(ErrorCode::kNotSupported, "elements of type '" + descr + "' are not read");
}

std::string Latin1ToUtf8(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | (byte >> 6));
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return out;
}

// The "[25s]" of "M8[25s]".
arrow::Status ParseUnit(std::string_view text, const std::string& descr, NpyType* type) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return UnknownType(descr);
  text = text.substr(1, text.size() - 2);
  if (text.front() >= '0' && text.front() <= '9') {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), type->count);
    if (error != std::errc() || type->count < 1) return UnknownType(descr);
    text = text.substr(static_cast<size_t>(end - text.data()));
  }
  type->unit = text;
  for (const char* unit : {"Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"}) {
    if (type->unit == unit) return arrow::Status::OK();
  }
  return UnknownType(descr);
}

bool IsKnownSize(const NpyType& type) {
  const auto one_of = [&](std::initializer_list<int64_t> sizes) {
    return std::find(sizes.begin(), sizes.end(), type.size) != sizes.end();
  };
  switch (type.kind) {
    case 'b':
      return one_of({1});
    case 'i':
    case 'u':
      return one_of({1, 2, 4, 8});
    case 'f':
      return one_of({2, 4, 8});
    case 'c':
      return one_of({8, 16});
    case 'M':
    case 'm':
      return one_of({8});
    default:
      return type.size > 0 && type.size <= INT32_MAX;
  }
}

// "<f8", "|S3", ">M8[ns]".
arrow::Result<NpyType> ParseSimpleType(const std::string& descr) {
  std::string_view text = descr;
  NpyType type;
  if (!text.empty() && std::string_view("<>|=").find(text.front()) != std::string_view::npos) {
    type.big_endian = text.front() == '>';
    text.remove_prefix(1);
  }
  if (text.empty()) return UnknownType(descr);
  type.kind = text.front() == 'a' ? 'S' : text.front() == '?' ? 'b' : text.front();
  const bool named = text == "?";
  text.remove_prefix(1);
  if (std::string_view("biufcSUVMm").find(type.kind) == std::string_view::npos) {
    return UnknownType(descr);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), type.size);
  if (named) type.size = 1;
  if (!named && error != std::errc()) return UnknownType(descr);
  if (type.kind == 'U' && type.size <= INT32_MAX) type.size *= 4;
  if (!named) text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!IsKnownSize(type)) return UnknownType(descr);
  if (type.kind == 'M' || type.kind == 'm') {
    ARROW_RETURN_NOT_OK(ParseUnit(text, descr, &type));
  } else if (!named && !text.empty()) {
    return UnknownType(descr);
  }
  return type;
}

arrow::Result<std::vector<int64_t>> ParseShape(const PythonLiteral& literal) {
  std::vector<int64_t> shape;
  if (literal.kind == Kind::kNumber) {
    shape = {literal.number};
  } else if (literal.kind == Kind::kSequence) {
    for (const PythonLiteral& item : literal.items) {
      if (item.kind != Kind::kNumber) return BadHeader("a shape that is not made of numbers");
      shape.push_back(item.number);
    }
  } else {
    return BadHeader("a shape that is none");
  }
  for (const int64_t size : shape) {
    if (size < 0) return BadHeader("a negative size in a shape");
  }
  return shape;
}

arrow::Result<NpyType> ParseType(const PythonLiteral& literal);

// ('name', type), ('name', type, shape), (('title', 'name'), type).
arrow::Result<NpyField> ParseField(const PythonLiteral& literal) {
  if (literal.kind != Kind::kSequence || literal.items.size() < 2 || literal.items.size() > 3) {
    return BadHeader("a field that is no name and type");
  }
  NpyField field;
  const PythonLiteral& name = literal.items[0];
  const bool titled = name.kind == Kind::kSequence && name.items.size() == 2;
  field.name = titled ? name.items[1].text : name.text;
  if (!titled && name.kind != Kind::kText) return BadHeader("a field without a name");
  ARROW_ASSIGN_OR_RAISE(field.type, ParseType(literal.items[1]));
  if (literal.items.size() == 3) {
    ARROW_ASSIGN_OR_RAISE(field.shape, ParseShape(literal.items[2]));
  }
  return field;
}

arrow::Result<NpyType> ParseRecord(const PythonLiteral& literal) {
  NpyType record;
  record.kind = 'r';
  for (const PythonLiteral& item : literal.items) {
    ARROW_ASSIGN_OR_RAISE(NpyField field, ParseField(item));
    field.offset = record.size;
    ARROW_ASSIGN_OR_RAISE(const int64_t size, ProductOf(field.type.size, field.shape));
    if (size > INT32_MAX - record.size) return BadHeader("a record of more than 2 GiB");
    record.size += size;
    // NumPy names the gaps of aligned records so.
    if (field.name.empty() && field.type.kind == 'V') continue;
    if (!arrow::util::ValidateUTF8(field.name)) return BadHeader("a field name that is no UTF-8");
    for (const NpyField& other : record.fields) {
      if (other.name == field.name) return BadHeader("two fields of one name");
    }
    if (size == 0) {
      return MakeError(ErrorCode::kNotSupported,
                       "field '" + field.name + "' of its records holds nothing");
    }
    record.fields.push_back(std::move(field));
  }
  if (record.fields.empty()) return BadHeader("a record without fields");
  return record;
}

arrow::Result<NpyType> ParseType(const PythonLiteral& literal) {
  if (literal.kind == Kind::kText) return ParseSimpleType(literal.text);
  if (literal.kind == Kind::kSequence) return ParseRecord(literal);
  return BadHeader("a descr that is no type");
}

const PythonLiteral* Find(const PythonLiteral& dictionary, std::string_view key) {
  for (size_t i = 0; i < dictionary.keys.size(); ++i) {
    if (dictionary.keys[i] == key) return &dictionary.items[i];
  }
  return nullptr;
}

// The dictionary's text behind 'descr': as far as its brackets reach.
std::string DescrText(std::string_view header) {
  const size_t key = header.find("descr");
  const size_t begin = header.find_first_not_of(" :", header.find_first_of("'\"", key) + 1);
  int depth = 0;
  for (size_t at = begin; at < header.size(); ++at) {
    if (header[at] == '[' || header[at] == '(') ++depth;
    if (header[at] == ']' || header[at] == ')') --depth;
    if (depth == 0 && (header[at] == ',' || header[at] == '}')) {
      return std::string(header.substr(begin, at - begin));
    }
  }
  return "";
}

// Where the elements start, and the text between.
arrow::Result<std::string_view> HeaderText(std::string_view head, NpyHeader* header) {
  if (!head.starts_with(kNpyMagic)) {
    return MakeError(ErrorCode::kDamaged, "it is no NPY file: it does not start with \\x93NUMPY");
  }
  const size_t lead = head.size() > 6 && head[6] == 1 ? 10 : 12;
  if (head.size() < lead) return MakeError(ErrorCode::kDamaged, "it ends inside its header");
  header->version = static_cast<unsigned char>(head[6]);
  if (header->version < 1 || header->version > 3 || head[7] != 0) {
    return MakeError(
        ErrorCode::kFormatVersion,
        "it is NPY version " + std::to_string(header->version) + "; versions 1 to 3 are read");
  }
  const uint64_t length = header->version == 1 ? LoadLittle<uint16_t>(head.data() + 8)
                                               : LoadLittle<uint32_t>(head.data() + 8);
  header->data_offset = lead + length;
  if (header->data_offset > kMaxNpyHeader) {
    return MakeError(ErrorCode::kDamaged, "its header claims " + std::to_string(length) +
                                              " bytes; at most 65,524 are read");
  }
  if (header->data_offset > head.size()) {
    return MakeError(ErrorCode::kDamaged, "it ends inside its header");
  }
  return head.substr(lead, length);
}

arrow::Status CheckSizes(const NpyHeader& header, uint64_t file_size) {
  const std::vector<int64_t>& shape = header.shape;
  const bool hollow =
      std::find(shape.begin() + (shape.empty() ? 0 : 1), shape.end(), 0) != shape.end();
  if (hollow && header.rows() > 0) {
    return MakeError(ErrorCode::kNotSupported, "its rows are arrays of no elements");
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, ProductOf(header.type.size, shape));
  const uint64_t there = file_size - header.data_offset;
  if (static_cast<uint64_t>(bytes) > there) {
    return MakeError(ErrorCode::kDamaged, "its header promises " + std::to_string(bytes) +
                                              " bytes of elements, but " + std::to_string(there) +
                                              " are there");
  }
  if (static_cast<uint64_t>(bytes) < there) {
    return MakeError(ErrorCode::kNotSupported,
                     std::to_string(there - static_cast<uint64_t>(bytes)) +
                         " bytes follow the array; a file of several arrays is not read");
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<int64_t> ProductOf(int64_t first, const std::vector<int64_t>& others) {
  // With a zero anywhere the product is zero, but no partial product may overflow unseen.
  int64_t product = first;
  for (const int64_t other : others) {
    if (__builtin_mul_overflow(product, other, &product)) {
      return BadHeader("a shape beyond 64 bits");
    }
  }
  return product;
}

arrow::Result<NpyHeader> ParseNpyHeader(std::string_view head, uint64_t file_size) {
  NpyHeader header;
  ARROW_ASSIGN_OR_RAISE(const std::string_view raw, HeaderText(head, &header));
  const std::string text = header.version < 3 ? Latin1ToUtf8(raw) : std::string(raw);
  ARROW_ASSIGN_OR_RAISE(const PythonLiteral literal, ParsePythonLiteral(text));
  const PythonLiteral* descr = Find(literal, "descr");
  const PythonLiteral* order = Find(literal, "fortran_order");
  const PythonLiteral* shape = Find(literal, "shape");
  if (literal.items.size() != 3 || descr == nullptr || order == nullptr || shape == nullptr) {
    return BadHeader("not the three keys descr, fortran_order and shape");
  }
  if (order->kind != Kind::kBool) return BadHeader("a fortran_order that is not True or False");
  header.fortran_order = order->number == 1;
  ARROW_ASSIGN_OR_RAISE(header.type, ParseType(*descr));
  ARROW_ASSIGN_OR_RAISE(header.shape, ParseShape(*shape));
  header.descr = DescrText(text);
  ARROW_RETURN_NOT_OK(CheckSizes(header, file_size));
  return header;
}

std::string PythonText(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string MakeNpyHeader(const std::string& descr, const std::vector<int64_t>& shape,
                          size_t min_size) {
  std::string text = "{'descr': " + descr + ", 'fortran_order': False, 'shape': (";
  for (const int64_t size : shape) text += std::to_string(size) + ",";
  text += "), }";
  // Latin-1 and UTF-8 agree on ASCII; more takes version 3.
  const bool ascii =
      std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  size_t size = std::max(min_size, text.size() + 13);
  size = (size + kNpyAlignment - 1) / kNpyAlignment * kNpyAlignment;
  const bool first_version = ascii && size <= 10 + UINT16_MAX;
  const size_t lead = first_version ? 10 : 12;
  std::string header(kNpyMagic);
  header += first_version ? '\1' : ascii ? '\2' : '\3';
  header += '\0';
  if (first_version) {
    AppendLittle(&header, static_cast<uint16_t>(size - lead));
  } else {
    AppendLittle(&header, static_cast<uint32_t>(size - lead));
  }
  header += text;
  header.resize(size - 1, ' ');
  return header + '\n';
}

}  // namespace pyralog::formats
