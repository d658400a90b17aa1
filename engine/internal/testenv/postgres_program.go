package testenv

// Program runs one of PostgreSQL's programs, such as pg_dump, as the server's user and in
// the server's folder.
func (s *PostgresServer) Program(name string, args ...string) {
	s.t.Helper()
	if err := s.c.Program(name, args...); err != nil {
		s.t.Fatal(err)
	}
}
