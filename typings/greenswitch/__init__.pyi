from greenswitch.esl import (
    ESLProtocol as ESLProtocol,
    InboundESL as InboundESL,
    OutboundSession as OutboundSession,
    OutboundSessionHasGoneAway as OutboundSessionHasGoneAway,
)
