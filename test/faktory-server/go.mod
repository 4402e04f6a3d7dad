module work-factory/test/faktory-server

go 1.25

require github.com/contribsys/faktory v1.9.4
