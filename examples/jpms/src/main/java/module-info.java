/// A modular application: one `requires` brings everything.
module com.example.jpms {
  requires dev.tornadomoe;
}
