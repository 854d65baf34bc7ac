-- The peer of `on_switch` that runs inside the switch: a trigger call rings X seconds, is refused,
-- and its caller is called back a second later. Nothing is stored, checked or charged.
local ring_seconds, came_back = argv[1], argv[2]

session:execute("ring_ready")
session:sleep(tonumber(ring_seconds) * 1000)
if session:ready() then
  local caller = session:getVariable("sip_from_user")
  freeswitch.API():executeString(
    "sched_api +1 none bgapi originate {origination_caller_id_number=12025550190," ..
    "ignore_early_media=true,hangup_after_bridge=false}sofia/gateway/pstn/" .. caller ..
    " '&lua(" .. came_back .. ")'")
  session:hangup("USER_BUSY")
end
