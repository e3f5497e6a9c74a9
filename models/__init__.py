"""The domain: cases, clocks, rules, territory, people. Imports no web, no scheduler, no paper."""
