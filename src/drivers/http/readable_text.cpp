#include "drivers/http/readable_text.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/io/http_url.hpp"

#include <libxml/HTMLparser.h>
#include <libxml/encoding.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace tinkerbell {

namespace {

using Names = std::span<const std::string_view>;

constexpr auto kUnseen = std::to_array<std::string_view>(
    {"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "select"});
constexpr auto kBlocks = std::to_array<std::string_view>(
    {"address", "article",  "aside",  "blockquote", "dd",      "details", "div",   "dl",
     "dt",      "fieldset", "figure", "footer",     "form",    "header",  "hr",    "main",
     "nav",     "ol",       "p",      "pre",        "section", "table",   "tbody", "thead",
     "title",   "tr",       "ul",     "figcaption", "summary", "caption", "body",  "head"});
constexpr auto kHeadings = std::to_array<std::string_view>({"h1", "h2", "h3", "h4", "h5", "h6"});

bool is_one_of(Names names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string_view text_of(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/// Takes the page as libxml2 reads it, element by element: no tree is built, however deep it is.
class Reader {
 public:
  explicit Reader(const std::string& url) : url_(url) {}

  void begin(std::string_view name, const xmlChar** attributes) {
    if (is_one_of(kUnseen, name)) ++unseen_;
    if (unseen_ > 0) return;
    if (name == "br") {
      line_break(1);
    } else if (name == "li") {
      line_break(1);
      text_ += "- ";
    } else if (name == "td" || name == "th") {
      if (!at_line_start()) word_break_ = true;
    } else if (is_one_of(kHeadings, name)) {
      line_break(2);
      text_ += std::string(static_cast<std::size_t>(name[1] - '0'), '#') + ' ';
    } else if (is_one_of(kBlocks, name)) {
      line_break(name == "p" || name == "table" || name == "pre" ? 2 : 1);
    } else if (name == "a") {
      links_.push_back({resolved(attribute(attributes, "href")), text_.size()});
    } else if (name == "img") {
      const std::string_view stands_for = attribute(attributes, "alt");
      if (!stands_for.empty()) characters("[" + std::string(stands_for) + "]");
    }
    if (name == "pre") ++preformatted_;
  }

  void end(std::string_view name) {
    if (is_one_of(kUnseen, name)) {
      unseen_ -= unseen_ > 0 ? 1 : 0;
      return;
    }
    if (unseen_ > 0) return;
    if (name == "pre") preformatted_ -= preformatted_ > 0 ? 1 : 0;
    if (name == "a" && !links_.empty()) {
      const Link link = links_.back();
      links_.pop_back();
      if (!link.target.empty() && text_.size() > link.begin) text_ += " (" + link.target + ")";
    } else if (is_one_of(kHeadings, name) || name == "title" || name == "p" || name == "table") {
      line_break(2);
    } else if (is_one_of(kBlocks, name) || name == "li") {
      line_break(1);
    }
  }

  void characters(std::string_view text) {
    if (unseen_ > 0) return;
    for (const char c : text) {
      if (preformatted_ > 0 && c != '\r') {
        text_ += c;
      } else if (is_blank(c)) {
        word_break_ = true;
      } else {
        if (word_break_ && !at_line_start() && !text_.ends_with(' ')) text_ += ' ';
        word_break_ = false;
        text_ += c;
      }
    }
  }

  [[nodiscard]] std::string take() {
    while (!text_.empty() && is_blank(text_.back()))
      text_.pop_back();
    return valid_utf8(text_);
  }

 private:
  struct Link {
    std::string target;
    std::size_t begin;
  };

  static std::string_view attribute(const xmlChar** attributes, std::string_view name) {
    for (; attributes != nullptr && attributes[0] != nullptr; attributes += 2) {
      if (text_of(attributes[0]) == name) return text_of(attributes[1]);
    }
    return {};
  }

  /// Empty where it leads nowhere on the web: to a mail, a script, a place in the page itself.
  [[nodiscard]] std::string resolved(std::string_view link) const {
    if (link.empty() || link.starts_with('#')) return {};
    const Result<std::string> target = resolve_reference(url_, link);
    return target && parse_http_url(*target) ? *target : std::string();
  }

  [[nodiscard]] bool at_line_start() const { return text_.empty() || text_.ends_with('\n'); }

  /// Ends the line, and with `feeds` 2 leaves one empty.
  void line_break(std::size_t feeds) {
    word_break_ = false;
    if (text_.empty()) return;
    while (text_.ends_with(' '))
      text_.pop_back();
    const std::size_t last = text_.find_last_not_of('\n');
    for (std::size_t has = text_.size() - 1 - last; has < feeds; ++has)
      text_ += '\n';
  }

  const std::string& url_;
  std::string text_;
  std::vector<Link> links_;  ///< Open ones.
  std::size_t unseen_ = 0;   ///< Elements that nothing is shown of, open.
  std::size_t preformatted_ = 0;
  bool word_break_ = false;
};

Reader& reader_in(void* context) {
  return *static_cast<Reader*>(context);
}

void listen(xmlSAXHandler& sax) {
  sax = {};
  sax.startElement = [](void* context, const xmlChar* name, const xmlChar** attributes) {
    reader_in(context).begin(text_of(name), attributes);
  };
  sax.endElement = [](void* context, const xmlChar* name) {
    reader_in(context).end(text_of(name));
  };
  sax.characters = [](void* context, const xmlChar* text, int bytes) {
    reader_in(context).characters(
        {reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes)});
  };
  sax.ignorableWhitespace = sax.characters;
  sax.cdataBlock = sax.characters;
}

/// As the server says, or UTF-8 where it is that; null: as the page says.
const char* encoding_of(std::string_view html, const std::string& charset) {
  const bool known = xmlParseCharEncoding(charset.c_str()) > XML_CHAR_ENCODING_NONE;
  if (known) return charset.c_str();
  return valid_utf8(html) == html ? "utf-8" : nullptr;
}

}  // namespace

std::string readable_text(std::string_view html, const std::string& url,
                          const std::string& charset) {
  static const bool ready = (xmlInitParser(), true);  // before two threads would do it
  (void)ready;
  xmlSetStructuredErrorFunc(nullptr, [](void*, auto*) {});  // of this thread: else it is printed
  Reader reader(url);
  const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> parser(htmlNewParserCtxt(),
                                                                              &htmlFreeParserCtxt);
  if (!parser) return {};
  listen(*parser->sax);
  parser->userData = &reader;
  constexpr int kOptions =
      HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET;
  const std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)> none(
      htmlCtxtReadMemory(parser.get(), html.data(), static_cast<int>(html.size()), nullptr,
                         encoding_of(html, charset), kOptions),
      &xmlFreeDoc);
  return reader.take();
}

}  // namespace tinkerbell
