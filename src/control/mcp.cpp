#include "tinkerbell/protocol/mcp.hpp"

#include "control/routes.hpp"

namespace tinkerbell::control {

void get_mcp(Context& context, Request request) {
  request.answer(context.parts.tool_servers.list());
}

void forget_tools(Context& context, Request request) {
  Result<protocol::ForgetTools> wanted = request.body<protocol::ForgetTools>();
  if (!wanted) return request.fail(wanted.error());
  const std::uint32_t uid = request.person().uid;
  context.parts.tool_servers.forget(
      *std::move(wanted),
      Completion<protocol::ForgottenTools>(
          [&context, request, uid](const Result<protocol::ForgottenTools>& forgotten) {
            if (!forgotten) return request.fail(forgotten.error());
            context.parts.logger.info(
                "mcp.forgotten",
                {{"server", forgotten->server}, {"tools", forgotten->tools.size()}, {"uid", uid}});
            request.answer(*forgotten);
          }));
}

}  // namespace tinkerbell::control
