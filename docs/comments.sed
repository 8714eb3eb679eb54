# Plain comments for Doxygen: "// text" documents what follows, "code;  // text" the code before it,
# on further lines far to the right.
/^[[:space:]]*\/\// {
  s/</\&lt;/g
  s/>/\&gt;/g
  s/[\\@#]/\\&/g
  s/\/\/ \{0,1\}/\/\/\/ /
  s/^\( \{10,\}\)\/\/\/ /\1\/\/\/< /
}
/^[[:space:]]*[^[:space:]\/].*[;,{][[:space:]]\{1,\}\/\/ / {
  h
  s/.*[;,{][[:space:]]\{1,\}\/\/ //
  s/</\&lt;/g
  s/>/\&gt;/g
  s/[\\@#]/\\&/g
  x
  s/\([;,{]\)[[:space:]]\{1,\}\/\/ .*/\1 \/\/\/< /
  G
  s/\n//
}
