// Kora from C++: kora.h as it is, with the owners that C++ has for everything.
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <kora.h>

class Database {
public:
    Database() { check(kora_open(nullptr, nullptr, &db_), "open"); }
    ~Database() { kora_close(db_); }
    Database(const Database &) = delete;
    Database &operator=(const Database &) = delete;

    void set(std::string_view key, std::string_view value, int64_t ttl_ms = 0) {
        kora_set_options options = KORA_SET_OPTIONS_INIT;
        options.ttl_ms = ttl_ms;
        check(kora_set(db_, key.data(), key.size(), value.data(), value.size(), &options), "set");
    }

    std::optional<std::string> get(std::string_view key) {
        void *value = nullptr;
        size_t len = 0;
        int status = kora_get(db_, key.data(), key.size(), &value, &len);
        if (status == KORA_NOTFOUND) return std::nullopt;
        check(status, "get");
        std::unique_ptr<void, decltype(&kora_free)> owner(value, kora_free);
        return std::string(static_cast<const char *>(value), len);
    }

    // Any command; words may hold any byte.
    using Reply = std::unique_ptr<kora_reply, decltype(&kora_reply_free)>;
    Reply exec(const std::vector<std::string_view> &words) {
        std::vector<const char *> argv;
        std::vector<size_t> len;
        for (auto w : words) argv.push_back(w.data()), len.push_back(w.size());
        kora_reply *reply = nullptr;
        check(kora_exec(db_, nullptr, static_cast<int>(argv.size()), argv.data(), len.data(), &reply), "exec");
        return Reply(reply, kora_reply_free);
    }

private:
    static void check(int status, const char *what) {
        if (status != KORA_OK) throw std::runtime_error(std::string(what) + ": " + kora_status_text(status));
    }
    kora *db_ = nullptr;
};

int main() try {
    Database db;
    db.set("greeting", "hello from C++");
    db.set("token", "short-lived", 60000);
    std::printf("greeting: %s\n", db.get("greeting").value_or("(nothing)").c_str());
    std::printf("nothing: %s\n", db.get("nothing") ? "something" : "(nothing)");

    auto reply = db.exec({ "STRLEN", "greeting" });
    if (reply->type == KORA_REPLY_INTEGER) std::printf("STRLEN: %lld\n", static_cast<long long>(reply->integer));
    reply = db.exec({ "NO-SUCH-COMMAND" });
    if (reply->type == KORA_REPLY_ERROR) std::printf("an error is a reply: %.28s...\n", reply->str);
    return 0;
} catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
