-- The return call of the peer inside the switch: a password, a number, its destination, goodbye.
local function ask(prompt)
  return session:playAndGetDigits(
    1, 24, 1, 10000, "#", prompt, "silence_stream://10", "[0-9*]+", "callback_digits", 4000)
end

session:answer()
if ask("ivr/ivr-please_enter_pin_followed_by_pound.wav") == "2580" then
  local number = ask("ivr/ivr-enter_destination_telephone_number.wav")
  session:execute("bridge",
    "{origination_caller_id_number=12025550111,ignore_early_media=true}sofia/gateway/pstn/1" .. number)
  session:execute("playback", "voicemail/vm-goodbye.wav")
end
session:hangup("NORMAL_CLEARING")
