"""What every account may ask about itself: services of the system account that it imports without saying so.

Wire     $SYS.REQ.USER.INFO, $SYS.REQ.ACCOUNT.PING.CONNZ, $SYS.REQ.SERVER.PING.CONNZ, $SYS.REQ.ACCOUNT.PING.STATZ
Source   nats-server ``events.go`` (registerSystemImports, addSystemAccountExports)
"""

from typing import Final

from broker.core.account import Account
from broker.core.server import Server

_CONNZ: Final = "$SYS.REQ.ACCOUNT.{}.CONNZ"
_STATZ: Final = "$SYS.REQ.ACCOUNT.{}.STATZ"
_INFO: Final = "$SYS.REQ.USER.{}.INFO"
#: What an account asks → what that means in the system account, with the asker's name in it.
_SERVICES: Final = (
    (b"$SYS.REQ.ACCOUNT.PING.CONNZ", _CONNZ),
    (b"$SYS.REQ.SERVER.PING.CONNZ", _CONNZ),
    (b"$SYS.REQ.ACCOUNT.PING.STATZ", _STATZ),
)
_USER_INFO: Final = b"$SYS.REQ.USER.INFO"


def offer(server: Server, system: Account) -> None:
    """To the accounts that there are, and to each that comes."""
    for service in (_CONNZ, _STATZ):
        server.exchange.export_service(system, service.format("*").encode(), "Stream")
    server.exchange.export_service(system, _INFO.format("*").encode())

    def give(account: Account) -> None:
        if account is system:
            return
        for local, service in _SERVICES:
            subject = service.format(account.name).encode()
            server.exchange.import_service(account, system, subject, local)
        subject = _INFO.format(account.name).encode()
        server.exchange.import_service(account, system, subject, _USER_INFO, share=True)

    server.on_account.append(give)
    for account in tuple(server.accounts.values()):
        give(account)
