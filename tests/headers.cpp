// Empty: its target only holds the headers precompiled for all test programs.
