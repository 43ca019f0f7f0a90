-- For wrk: how many ms each connection waits before it asks again, so that ten of them make at most 5,000 requests a second.
function delay()
  return 2
end
