#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <memory>
#include <string>

namespace tinkerbell {

struct Certificate {
  std::string certificate_pem;
  std::string key_pem;
};

struct CertificateWish {
  std::string name;                 ///< subjectAltName, as "DNS:localhost" or "IP:127.0.0.1".
  std::chrono::hours valid_for{1};  ///< From now; negative: has expired.
  int rsa_bits = 0;                 ///< 0: an elliptic curve key.
  bool sha1 = false;                ///< As the digest of the signature, instead of SHA-256.
  bool is_authority = false;        ///< May sign others.
};

/// What a BIO holds in memory; frees it.
inline std::string text_of(BIO* memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(memory);
  return text;
}

namespace detail {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;

template <class Object, class Read>
auto read_pem(const std::string& pem, Read read) {
  BIO* const memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Object* const object = read(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  return object;
}

inline void set_name(X509* x509, const std::string& common_name) {
  const void* const raw_name = common_name.data();
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                             static_cast<const unsigned char*>(raw_name),
                             static_cast<int>(common_name.size()), -1, 0);
}

inline void add_extension(X509* x509, int which, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, which, value.c_str());
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Without an authority it is its own.
inline Certificate make_certificate(const CertificateWish& wish, const Certificate* authority) {
  const Key key(wish.rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(wish.rsa_bits))
                                  : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"),
                &EVP_PKEY_free);
  const X509Ptr x509(X509_new(), &X509_free);
  X509_set_version(x509.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), authority == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), std::chrono::seconds(wish.valid_for).count());
  X509_set_pubkey(x509.get(), key.get());
  set_name(x509.get(), authority == nullptr ? "Tinkerbell test" : "Tinkerbell test server");
  add_extension(x509.get(), NID_subject_alt_name, wish.name);
  if (wish.is_authority) add_extension(x509.get(), NID_basic_constraints, "critical,CA:TRUE");
  const EVP_MD* const digest = wish.sha1 ? EVP_sha1() : EVP_sha256();
  if (authority == nullptr) {
    X509_set_issuer_name(x509.get(), X509_get_subject_name(x509.get()));
    X509_sign(x509.get(), key.get(), digest);
  } else {
    const X509Ptr issuer(read_pem<X509>(authority->certificate_pem, &PEM_read_bio_X509),
                         &X509_free);
    const Key issuer_key(read_pem<EVP_PKEY>(authority->key_pem, &PEM_read_bio_PrivateKey),
                         &EVP_PKEY_free);
    X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer.get()));
    X509_sign(x509.get(), issuer_key.get(), digest);
  }
  BIO* const certificate = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate, x509.get());
  BIO* const secret = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(secret, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {.certificate_pem = text_of(certificate), .key_pem = text_of(secret)};
}

}  // namespace detail

/// A certificate that is its own authority.
inline Certificate self_signed(const CertificateWish& wish) {
  return detail::make_certificate(wish, nullptr);
}

/// A certificate from an authority.
inline Certificate signed_by(const Certificate& authority, const CertificateWish& wish) {
  return detail::make_certificate(wish, &authority);
}

}  // namespace tinkerbell
