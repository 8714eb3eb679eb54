#!/usr/bin/env bash
# Downloads a data set from its official address, checks it, and puts it where the configs look.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/download_data.sh mnist|fashion-mnist|cifar-10|flowers...

Puts each set below $DIFFUSE_DATA (default ./data). An interrupted download resumes where it stopped; a
file with the right checksum is kept.
TEXT
}

# matches FILE MD5
matches() { [[ -f $1 ]] && md5sum --status -c <<<"$2  $1"; }

# fetch URL MD5 FILE
fetch() {
  local url=$1 md5=$2 file=$3
  if matches "$file" "$md5"; then
    echo "$file: already there"
    return
  fi
  echo "$file: from $url"
  # A complete part cannot be resumed: curl would fail.
  if ! matches "$file.part" "$md5"; then
    curl --fail --location --retry 3 --continue-at - --output "$file.part" "$url"
  fi
  if ! matches "$file.part" "$md5"; then
    rm -f "$file.part"
    echo "$file: the download has the wrong checksum (wanted md5 $md5) and was thrown away" >&2
    exit 1
  fi
  mv "$file.part" "$file"
}

# idx_files FOLDER URL MD5...: the four files of MNIST and its relatives.
idx_files() {
  local folder=$1 url=$2 name
  shift 2
  mkdir -p "$folder"
  for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    fetch "$url/$name-ubyte.gz" "$1" "$folder/$name-ubyte.gz"
    shift
  done
}

# archive FOLDER URL MD5 NAME: fetches an archive into the folder and unpacks it there, which makes NAME.
archive() {
  local file=$1/${2##*/}
  fetch "$2" "$3" "$file"
  tar -xzf "$file" -C "$1"
  echo "$1/$4: unpacked"
}

[[ ${BASH_SOURCE[0]} == "$0" ]] || return 0  # sourced, for its functions
[[ $# -gt 0 ]] || { usage >&2; exit 2; }
for set in "$@"; do
  case "$set" in
    mnist | fashion-mnist | cifar-10 | flowers) ;;
    -h | --help) usage; exit 0 ;;
    *) echo "download_data.sh: unknown data set $set" >&2; usage >&2; exit 2 ;;
  esac
done
data=${DIFFUSE_DATA:-data}
mkdir -p "$data"
for set in "$@"; do
  case "$set" in
    mnist)
      idx_files "$data/mnist" https://ossci-datasets.s3.amazonaws.com/mnist \
        f68b3c2dcbeaaa9fbdd348bbdeb94873 d53e105ee54ea40749a09fcbcd1e9432 \
        9fb629c4189551a2d022fa330f9573f3 ec29112dd5afa0611ce80d1b7f02629c
      ;;
    fashion-mnist)
      idx_files "$data/fashion-mnist" http://fashion-mnist.s3-website.eu-central-1.amazonaws.com \
        8d4fb7e6c68d591d4c3dfef9ec88bf0d 25c81989df183df01b3e8a0aad5dffbe \
        bef4ecab320f06d8554ea6380940ec79 bb300cfdad3c16e7a12a480ee83cd310
      ;;
    cifar-10)
      archive "$data" https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz \
        c32a1d4ab5d03f1284b67883e8d87530 cifar-10-batches-bin
      ;;
    flowers)  # CC BY 2.0: LICENSE.txt beside the photographs names the photographers
      archive "$data" \
        https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz \
        6f87fb78e9cc9ab41eff2015b380011d flower_photos
      ;;
  esac
done
