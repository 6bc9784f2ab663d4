module scraped

go 1.24
