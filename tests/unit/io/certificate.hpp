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
};

/// What a BIO holds in memory; frees it.
inline std::string text_of(BIO* memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(memory);
  return text;
}

/// A certificate that is its own authority.
inline Certificate self_signed(const CertificateWish& wish) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      wish.rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(wish.rsa_bits))
                        : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"),
      &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new(), &X509_free);
  X509_set_version(x509.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), std::chrono::seconds(wish.valid_for).count());
  X509_set_pubkey(x509.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(x509.get());
  const std::string common_name = "Tinkerbell test";
  const void* const raw_name = common_name.data();
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             static_cast<const unsigned char*>(raw_name),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(x509.get(), subject);
  X509_EXTENSION* const names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, wish.name.c_str());
  X509_add_ext(x509.get(), names, -1);
  X509_EXTENSION_free(names);
  X509_sign(x509.get(), key.get(), EVP_sha256());

  BIO* const certificate = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate, x509.get());
  BIO* const secret = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(secret, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {.certificate_pem = text_of(certificate), .key_pem = text_of(secret)};
}

}  // namespace tinkerbell
