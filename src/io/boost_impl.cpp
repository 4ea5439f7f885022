// The bodies of Asio and Beast, compiled once for the whole house (see the definitions that
// tinkerbell_io hands on in src/CMakeLists.txt): every other file pays for the declarations only.

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
