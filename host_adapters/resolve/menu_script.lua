-- What Resolve runs where it lists no Python scripts: exports the current timeline for Dubwright, and
-- opens Dubwright's page where Lua may start programs. The installer fills in the places.

local HOME = "@HOME@"
local OPEN_PAGE = "@OPEN_PAGE@"

local function say(line)
  if print then
    print("Dubwright: " .. line)
  end
end

local function find_resolve()
  if resolve then
    return resolve
  end
  if Resolve then
    return Resolve()
  end
  return bmd and bmd.scriptapp and bmd.scriptapp("Resolve")
end

local function main()
  local host = find_resolve()
  local project = host and host:GetProjectManager():GetCurrentProject()
  local timeline = project and project:GetCurrentTimeline()
  if not timeline then
    say("no timeline is open. Open the one to dub and run this again.")
    return
  end
  local name = timeline:GetName():gsub('[<>:"/\\|?*%%%c]', "_")
  local path = HOME .. "/Dubwright - " .. name .. ".otio"
  if not timeline:Export(path, host.EXPORT_OTIO, host.EXPORT_NONE) then
    say("Resolve could not export to " .. path .. ". Export the timeline as OTIO by hand.")
    return
  end
  say("exported to " .. path .. ". Dub it on Dubwright's page, at New dub.")
  if os and os.execute then
    os.execute(OPEN_PAGE)
  end
end

main()
