import { fileURLToPath } from 'node:url'
import { type Codec, HawserError } from 'hawser'
import { loadProto, protobuf, type ProtoType } from 'hawser/codecs/protobuf'
import { type DeviceMessage, type GatewayMessage, objectionTo as objectionToReadings } from './device-messages.ts'

const root = await loadProto(fileURLToPath(new URL('./telemetry.proto', import.meta.url)))

/** What protobufjs makes of a message with `oneof body`: the one that is set, and its name. */
type Envelope<Message extends { readonly type: string }> = { readonly body?: Message['type'] } & {
  readonly [Name in Message['type']]?: Omit<Extract<Message, { readonly type: Name }>, 'type'>
}

/** For the gateway. */
export const protobufCodec: Codec<DeviceMessage, GatewayMessage> = between('FromDevice', 'ToDevice', objectionToMessage)
/** For a device: the other way round. */
export const deviceProtobufCodec: Codec<GatewayMessage, DeviceMessage> = between('ToDevice', 'FromDevice')

/** One type of the `.proto` comes in, the other one goes out. */
function between<In extends { readonly type: string }, Out extends { readonly type: string }>(
  incoming: string,
  outgoing: string,
  objectionTo: (message: In) => string | undefined = () => undefined,
): Codec<In, Out> {
  const reading = protobuf(root.lookupType(incoming) as unknown as ProtoType<Envelope<In>>)
  const writing = protobuf(root.lookupType(outgoing) as unknown as ProtoType<object>)
  return {
    format: 'binary',
    keeps: 'values',
    decode(frame, text) {
      const envelope = reading.decode(frame, text)
      if (envelope.body === undefined) throw new HawserError('ERR_BAD_MESSAGE', 'the message has no body')
      // Not a copy of it: fields that have their default value stand on its prototype.
      const message = Object.assign(envelope[envelope.body] as object, { type: envelope.body }) as unknown as In
      const objection = objectionTo(message)
      if (objection !== undefined) throw new HawserError('ERR_BAD_MESSAGE', objection)
      return message
    },
    // Protobuf leaves alone what it does not know: `type` is the name of the field, and stays out of it.
    encode: (message, out) => writing.encode({ [message.type]: message }, out),
  }
}

function objectionToMessage(message: DeviceMessage): string | undefined {
  return message.type === 'report' ? objectionToReadings(message.readings) : undefined
}
