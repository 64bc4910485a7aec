// Different keys, each once.
#pragma once

#include <string_view>

#include "lsm/key.h"
#include "lsm/key_index.h"

namespace pyralog::lsm {

class KeySet {
 public:
  void Add(std::string_view key, uint64_t hash) {
    if (!Contains(key, hash)) index_.Add(key, hash);
  }
  void AddAll(const KeyBatch& keys) {
    for (int64_t i = 0; i < keys.size(); ++i) Add(keys.key(i), keys.hash(i));
  }
  bool Contains(std::string_view key, uint64_t hash) const {
    return index_.Newest(key, hash) != KeyIndex::kNone;
  }
  bool empty() const { return index_.size() == 0; }
  void Clear() { index_ = KeyIndex(); }

  KeyBatch ToBatch() const {
    KeyBatch keys;
    for (uint32_t i = 0; i < index_.size(); ++i) keys.AppendEncoded(index_.key(i));
    return keys;
  }

 private:
  KeyIndex index_;
};

}  // namespace pyralog::lsm
